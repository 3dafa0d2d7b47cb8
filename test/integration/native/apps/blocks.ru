# frozen_string_literal: true

require "rack/lint"
require "json"

# Blocks with Rack::Lint inside: a breach of the specification by the server is a 500.
TEXT = { "content-type" => "text/plain" }.freeze
GATE = Thread::Queue.new

# A body that knows only `each`, and is closed.
class Lines
  def initialize(*lines) = @lines = lines
  def each(&block) = @lines.each(&block)
  def close = GATE << "closed"
end

# A body that is a file.
class FileBody < Lines
  def to_path = __FILE__
end

# A body whose trailers are known behind it.
class Trailing < Lines
  def trailers = { "x-checksum" => "3" }
end

BLOCKS = {
  "/array" => ->(_) { [200, TEXT.dup, %w[an array]] },
  "/each" => ->(_) { [200, TEXT.dup, Lines.new("a", "b")] },
  "/file" => ->(_) { [200, TEXT.dup, FileBody.new(File.binread(__FILE__))] },
  "/echo" => ->(env) { [200, TEXT.dup, [env["rack.input"].read]] },
  "/raise" => ->(_) { raise "secret of a block" }
}.freeze
BLOCKS.each do |path, block|
  lint = Rack::Lint.new(block)
  Hyperion::Route::METHODS.each { |method| Hyperion::Server.handle(method, "/lint#{path}") { |env| lint.call(env) } }
end

handle = Hyperion::Server.method(:handle)
handle.call(:GET, "/env") do |env|
  shown = env.transform_values { |value| value.is_a?(String) || value == true || value == false ? value : value.class.name }
  [200, TEXT, [JSON.generate(shown)]]
end
handle.call(:GET, "/closed") { |_| [200, TEXT, [GATE.pop(true)]] }
handle.call(:GET, "/file") { |_| [200, TEXT, FileBody.new] }
handle.call(:GET, "/trailing") { |_| [200, TEXT, Trailing.new("a", "b", "c")] }
handle.call(:GET, "/stream") { |_| [200, TEXT, ->(stream) { stream.write("one ") && stream << "two" and stream.close }] }
handle.call(:GET, "/partial") { |_| [200, { "rack.hijack" => ->(io) { io.write("hijacked") and io.close } }, []] }
handle.call(:GET, "/full") do |env|
  io = env["rack.hijack"].call
  io.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfull")
  io.close
  [0, {}, []]
end
handle.call(:GET, "/hints") do |env|
  env["rack.early_hints"].call({ "link" => "</x>" })
  [200, TEXT, ["hinted"]]
end
handle.call(:GET, "/bad") { |_| "no triplet" }
handle.call(:GET, "/finished") do |env|
  env["rack.response_finished"] << ->(_, status, _, error) { GATE << "finished #{status} #{error.inspect}" }
  [200, TEXT, ["finishing"]]
end

run ->(_) { raise "the app is never called here" }
