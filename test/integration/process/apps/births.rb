# frozen_string_literal: true

# Makes COUNT processes, some at once. Each starts a server and gets its first requests together; it ends with
# status 0 when all of them are answered. Prints how many did.
require "hyperion"
require "socket"

Hyperion::EngineRunner.engine_class
COUNT = Integer(ARGV.fetch(0))
AT_ONCE = 4
FIRST_REQUESTS = 8
PATIENCE_S = 10
APP = lambda do |env|
  env["rack.input"]&.read
  [200, { "content-type" => "text/plain" }, ->(stream) { stream.write("fine") && stream.close }]
end

def live
  server = Hyperion::Server.new(app: APP, port: 0, threads: 5, bind: "127.0.0.1", log_requests: false).start
  clients = Array.new(FIRST_REQUESTS) { TCPSocket.new("127.0.0.1", server.port) }
  clients.each { |client| client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }
  clients.all? { |client| client.wait_readable(PATIENCE_S) && client.read.include?("fine") }
end

living = []
fine = 0
bury = -> { fine += 1 if Process.wait2(living.shift).last.success? }
COUNT.times do
  bury.call if living.size == AT_ONCE
  living << fork { exit!(live) }
end
bury.call until living.empty?
puts fine
