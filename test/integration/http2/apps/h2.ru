# frozen_string_literal: true

# One app for tests of HTTP/2: the path selects what to do, and `/open?NAME` opens a gate that another
# request waits at.

require "digest"
require "json"

GATES = Hash.new { |gates, name| gates[name] = Queue.new }
LOCK = Mutex.new
NOTES = Queue.new

def gate(name) = LOCK.synchronize { GATES[name] }
def note(text) = NOTES << text
def text(body, status = 200, **headers) = [status, { "content-type" => "text/plain" }.merge(headers.transform_keys(&:to_s)), body]
def transparent(bytes) = bytes.dup.force_encoding("ISO-8859-1").encode("UTF-8")
def json(value) = text([JSON.generate(value)], "content-type": "application/json")

def pattern(size)
  line = (0...4096).map { |index| format("%08x", index) }.join
  (line * (size / line.bytesize + 1)).byteslice(0, size)
end

# A body that is made while it is sent.
class Made
  def initialize(trailers = nil, &each)
    @trailers = trailers
    @each = each
  end

  def each(&block) = @each.call(block)
  def close = NOTES << "closed"
end

class WithTrailers < Made
  def trailers = @trailers.respond_to?(:call) ? @trailers.call : @trailers
end

def digest(input)
  sha = Digest::SHA256.new
  size = 0
  while (part = input.read(16_384))
    sha << part
    size += part.bytesize
  end
  json({ size: size, sha256: sha.hexdigest })
end

# Writes until the client has left, and notes by which error that shows.
def write_for_ever(name, piece)
  Made.new do |yielder|
    note("begun #{name}")
    loop { yielder.call(piece) }
  rescue IOError => e
    note("#{name} #{e.class}")
    raise
  end
end

# Reads until the client has left.
def read_for_ever(name, input)
  note("begun #{name}")
  nil while input.read(1)
  text(["the end"])
rescue IOError => e
  note("#{name} #{e.class}")
  raise
end

# Yields what it reads, as it reads.
def echo_live(input)
  Made.new do |yielder|
    while (line = input.gets)
      yielder.call(line.upcase)
    end
  end
end

ROUTES = {
  "/ignore" => ->(_) { text(["ignored"]) },
  "/env" => ->(env) { json(env.select { |_, value| value.is_a?(String) }.to_h { |key, value| [key, transparent(value)] }) },
  "/reached" => ->(_) { note("reached") && text(["reached"]) },
  "/hijack" => ->(env) { json([env["rack.hijack?"], env.key?("rack.hijack")]) },
  "/digest" => ->(env) { digest(env["rack.input"]) },
  "/pattern" => ->(env) { text([pattern(env["QUERY_STRING"].to_i)]) },
  "/pieces" => ->(env) { text(Made.new { |yielder| env["QUERY_STRING"].to_i.times { |i| yielder.call(pattern(16_384 + i)) } }) },
  "/live" => ->(env) { text(echo_live(env["rack.input"])) },
  "/shout" => ->(env) { env["rack.input"].gets.then { |line| text(Made.new { |yielder| yielder.call(line.upcase) && env["rack.input"].read }) } },
  "/now" => ->(_) { text(->(stream) { stream << stream.read_nonblock(9, exception: false).inspect << stream.readpartial(9) and stream.close }) },
  "/steps" => lambda { |env|
    name = env["QUERY_STRING"]
    text(Made.new { |yielder| yielder.call("first") && gate(name).pop && yielder.call("second") })
  },
  "/wait" => lambda { |env|
    note("begun #{env["QUERY_STRING"]}")
    gate(env["QUERY_STRING"]).pop && text(["waited"])
  },
  "/open" => ->(env) { gate(env["QUERY_STRING"]).push(true) && text(["opened"]) },
  # Waits for the next note.
  "/note" => ->(_) { text([NOTES.pop(true)]) rescue text([], 404) },
  "/write" => ->(env) { text(write_for_ever(env["QUERY_STRING"], "x" * 8192)) },
  "/read" => ->(env) { read_for_ever(env["QUERY_STRING"], env["rack.input"]) },
  "/trailers" => ->(_) { text(WithTrailers.new({ "x-sum" => "6", "x-list" => %w[a b], "connection" => "close", ":status" => "500", "te" => "x", "" => "nameless" }) { |yielder| %w[one two].each(&yielder) }) },
  "/trailers-only" => ->(_) { text(WithTrailers.new({ "x-sum" => "0" }) { |_| nil }) },
  "/trailers-nil" => ->(_) { text(WithTrailers.new(nil) { |yielder| yielder.call("body") }) },
  "/trailers-empty" => ->(_) { text(WithTrailers.new({}) { |yielder| yielder.call("body") }) },
  "/trailers-odd" => ->(_) { text(WithTrailers.new("x-sum: 6") { |yielder| yielder.call("body") }) },
  "/trailers-some" => ->(_) { text(WithTrailers.new({ "x-bad": "a\0b", ":status": "500", "x-sum" => "6", 7 => "x" }) { |yielder| yielder.call("body") }) },
  "/trailers-path" => ->(_) { text(WithTrailers.new({ "x-sum" => "6" }) { |yielder| yielder.call("body") }.tap { |body| def body.to_path = __FILE__ }) },
  "/trailers-call" => ->(_) { text(->(stream) { stream << "body" and stream.close }.tap { |body| def body.trailers = { "x-sum" => "6" } }) },
  "/trailers-raise" => ->(_) { text(WithTrailers.new(-> { raise "secret of the trailers" }) { |yielder| yielder.call("body") }) },
  "/hints" => ->(env) { env["rack.early_hints"].call("link" => "</a.css>; rel=preload").then { text(["hinted"]) } },
  "/cookies" => ->(_) { text(["two"], "set-cookie": ["a=1; path=/", "b=2"]) },
  "/hop" => ->(_) { text(["3\r\nhop\r\n0\r\n\r\n"], connection: "close, x-mine", "keep-alive": "timeout=5", "proxy-connection": "close", upgrade: "h3", "transfer-encoding": "chunked", "x-kept": "yes") },
  "/204" => ->(_) { [204, {}, []] },
  "/304" => ->(_) { [304, { "etag" => '"a"' }, []] },
  "/raise" => ->(_) { raise "secret of the app" },
  "/broken" => ->(_) { text(Made.new { |yielder| yielder.call("first") && raise("secret of the body") }) },
  "/short" => ->(_) { text(["12345"], "content-length": "50") },
  "/finished" => lambda { |env|
    env["rack.response_finished"] << ->(*rest) { note("finished #{rest[1]} #{rest[3].class}") }
    text(["finished"])
  }
}.freeze

Hyperion::Server.handle_static(:GET, "/native", "by the engine\n", headers: { "x-native" => "yes" })
Hyperion::Server.handle(:GET, "/block") { |env| text([env["SERVER_PROTOCOL"]]) }
Hyperion::Server.mount_static("/files", ENV["FILES"]) if ENV["FILES"]

run ->(env) { ROUTES.fetch(env["PATH_INFO"], ->(_) { text(["none"], 404) }).call(env) }
