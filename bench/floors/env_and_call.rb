# frozen_string_literal: true

# The least that Ruby must do for a request: build a fresh env Hash of 20 keys and call the app. Prints
# the CPU it took as JSON.
#
# Usage: ruby env_and_call.rb APP.ru SECONDS

require "json"

BATCH = 10_000
VERSION = [1, 6].freeze
ADDRESS = "127.0.0.1"

def run(app) = @app = app

def env
  { "REQUEST_METHOD" => "GET", "SCRIPT_NAME" => "", "PATH_INFO" => "/", "QUERY_STRING" => "",
    "REQUEST_PATH" => "/", "REQUEST_URI" => "/", "SERVER_PROTOCOL" => "HTTP/1.1", "HTTP_VERSION" => "HTTP/1.1",
    "SERVER_NAME" => +"127.0.0.1", "SERVER_PORT" => "9292", "REMOTE_ADDR" => ADDRESS, "HTTP_HOST" => +"127.0.0.1:9292",
    "rack.version" => VERSION, "rack.url_scheme" => "http", "rack.input" => $stdin, "rack.errors" => $stderr,
    "rack.multithread" => true, "rack.multiprocess" => false, "rack.run_once" => false, "rack.hijack?" => true }
end

eval(File.read(ARGV.fetch(0)), binding, ARGV.fetch(0)) # rubocop:disable Security/Eval

finish = Process.clock_gettime(Process::CLOCK_MONOTONIC) + Integer(ARGV.fetch(1))
before = Process.times
requests = 0
while Process.clock_gettime(Process::CLOCK_MONOTONIC) < finish
  BATCH.times { @app.call(env) }
  requests += BATCH
end
after = Process.times
puts JSON.generate(requests: requests, cpu_user_s: after.utime - before.utime, cpu_sys_s: after.stime - before.stime)
