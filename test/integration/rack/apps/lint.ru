# frozen_string_literal: true

require "rack/lint"
require "json"

# Well-behaved responses of every kind, with Rack::Lint between them and the server: it raises,
# and the client sees a 500, as soon as the server breaks the specification.
RACK3 = Rack.release >= "3"

class Lines
  def initialize(*lines) = @lines = lines
  def each(&block) = @lines.each(&block)
  def close = nil
end

class FileBody < Lines
  def to_path = __FILE__
  def each = yield(File.binread(__FILE__))
end

def form(env)
  input = env["rack.input"]
  first = input.gets
  rest = input.read(3)
  buffer = +""
  input.read(2, buffer)
  left = []
  input.each { |line| left << line }
  input.rewind if input.respond_to?(:rewind) && !RACK3
  [200, { "content-type" => "application/json" }, [JSON.dump([first, rest, buffer, left.join.bytesize])]]
end

PLAIN = { "content-type" => "text/plain" }.freeze
KINDS = {
  "/array" => ->(_) { [200, PLAIN.dup, ["hello ", "world"]] },
  "/length" => ->(_) { [200, PLAIN.merge("content-length" => "5"), ["hello"]] },
  "/each" => ->(_) { [200, PLAIN.dup, Lines.new("a", "b", "c")] },
  "/path" => ->(_) { [200, PLAIN.dup, FileBody.new] },
  "/none" => ->(_) { [204, {}, []] },
  "/not-modified" => ->(_) { [304, {}, []] },
  "/redirect" => ->(_) { [302, PLAIN.merge("location" => "/array"), ["moved"]] },
  "/missing" => ->(_) { [404, PLAIN.dup, ["no such thing"]] },
  "/cookies" => ->(_) { [200, PLAIN.merge("set-cookie" => RACK3 ? %w[a=1 b=2] : "a=1\nb=2"), ["two"]] },
  "/echo" => ->(env) { [200, PLAIN.dup, [env["rack.input"].read]] },
  "/form" => ->(env) { form(env) },
  "/errors" => ->(env) { env["rack.errors"].puts("from lint") || [200, PLAIN.dup, ["logged"]] },
  "/hints" => lambda do |env|
    env["rack.early_hints"]&.call({ "link" => "</x>; rel=preload" })
    [200, PLAIN.dup, ["hinted"]]
  end,
  "/finished" => lambda do |env|
    env["rack.response_finished"] << ->(*) {}
    [200, PLAIN.dup, ["finished"]]
  end
}.freeze
STREAMS = {
  "/stream" => ->(_) { [200, PLAIN.dup, ->(stream) { stream.write("one ") && stream << "two" and stream.close }] },
  "/partial" => ->(_) { [200, PLAIN.merge("rack.hijack" => ->(io) { io.write("hijacked") and io.close }), []] }
}.freeze
FULL = lambda do |env|
  io = env["rack.hijack"].call
  io.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfull")
  io.close
  [200, PLAIN.dup, []]
end

table = KINDS.merge("/full" => FULL)
table = table.merge(STREAMS) if RACK3
table = table.merge("/partial" => STREAMS["/partial"]) unless RACK3

use Rack::Lint
run ->(env) { table.fetch(env["PATH_INFO"], ->(_) { [200, PLAIN.dup, [env["REQUEST_METHOD"]]] }).call(env) }
