# frozen_string_literal: true

# One app for most HTTP tests: every request that reaches Ruby is remembered by its method and path,
# and the path selects what to do with it. `/seen` tells what was remembered and forgets it. A request
# with an X-Echo header is answered like `/echo`, whatever its path.

require "digest"
require "json"
require "tempfile"

SEEN = Queue.new
GATES = Hash.new { |gates, name| gates[name] = Queue.new }
GATES_LOCK = Mutex.new

# JSON wants UTF-8, the wire has bytes: each byte becomes the code point of its number.
def transparent(bytes) = bytes.dup.force_encoding("ISO-8859-1").encode("UTF-8")

def answer(status, body, headers = {})
  [status, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }.merge(headers), [body]]
end

def json(value) = answer(200, JSON.generate(value), "content-type" => "application/json")

def strings(env)
  env.select { |_, value| value.is_a?(String) }.to_h { |key, value| [transparent(key), transparent(value)] }
end

def gate(name) = GATES_LOCK.synchronize { GATES[name] }

def digest(input)
  sha = Digest::SHA256.new
  size = 0
  while (part = input.read(65_536))
    sha << part
    size += part.bytesize
  end
  { "size" => size, "sha256" => sha.hexdigest }
end

# A byte pattern in which a lost, doubled or shifted part shows.
def pattern(size)
  line = (0...4096).map { |index| format("%08x", index) }.join
  (line * (size / line.bytesize + 1)).byteslice(0, size)
end

BIG = pattern(10_000_000).freeze

# A body that a server may send from the file system. The file has no name but that of its descriptor,
# so that nothing is left when the server is killed.
class BigFile
  FILE = Tempfile.create("probe").tap { |file| file.write(BIG) && file.flush && File.unlink(file.path) }

  def to_path = "/proc/self/fd/#{FILE.fileno}"
  def each = yield BIG
end

ROUTES = {
  "/seen" => ->(_) { json(Array.new(SEEN.size) { SEEN.pop }) },
  "/echo" => ->(env) { json("env" => strings(env), "body" => transparent(env["rack.input"].read.to_s)) },
  "/digest" => ->(env) { json(digest(env["rack.input"])) },
  "/ignore" => ->(_) { answer(200, "ignored") },
  "/pattern" => ->(env) { answer(200, pattern(env["QUERY_STRING"].to_i)) },
  "/sleep" => ->(env) { sleep(env["QUERY_STRING"].to_f) && answer(200, "slept") },
  # Says on the error stream that it waits, and waits until `/open?NAME` lets it go on.
  "/wait" => lambda { |env|
    name = env["QUERY_STRING"]
    env["rack.errors"].write("waiting for #{name}\n")
    env["rack.errors"].flush
    gate(name).pop && answer(200, "waited for #{name}")
  },
  "/open" => ->(env) { gate(env["QUERY_STRING"]).push(true) && answer(200, "opened") },
  "/stats" => ->(_) { json(Hyperion.stats) },
  "/close" => ->(_) { answer(200, "closing", "connection" => "close") },
  # The same bytes each time, in one string that lives once.
  "/big" => ->(_) { answer(200, BIG) },
  "/file" => ->(_) { [200, { "content-type" => "text/plain", "content-length" => BIG.bytesize.to_s }, BigFile.new] },
  "/raise" => ->(_) { raise "secret of the app" }
}.freeze

run lambda { |env|
  path = env["HTTP_X_ECHO"] ? "/echo" : env["PATH_INFO"]
  SEEN << transparent("#{env["REQUEST_METHOD"]} #{env["PATH_INFO"]}") unless path == "/seen"
  ROUTES.fetch(path, ->(_) { answer(200, transparent("#{env["REQUEST_METHOD"]} #{path}")) }).call(env)
}
