# frozen_string_literal: true

require "tempfile"

GATES = Hash.new { |hash, key| hash[key] = Thread::Queue.new }
LOCK = Mutex.new

GATE = ->(key) { LOCK.synchronize { GATES[key] } }

# Yields "one", waits for `/open?key`, then yields "two".
class Gated
  def initialize(key) = @key = key

  def each
    yield "one"
    GATE.call(@key).pop
    yield "two"
  end
end

# A file that is only reachable by its path: `each` would give itself away.
class PathOnly
  def initialize(path) = @path = path
  def to_path = @path
  def each = yield("from each")
end

# Responds to `each` alone, with many pieces of many sizes, empty ones among them.
class Pieces
  def initialize(count) = @count = count
  def each = @count.times { |i| yield "#{i}:#{"x" * (i % 97)}\n" }
end

# Answers `to_ary`, as Rails does, whether its pieces are an Array or not.
class Buffer < Struct.new(:pieces)
  def to_ary = pieces
  def each(&block) = pieces.each(&block)
end

FILES = Dir.mktmpdir("hyperion-bodies")
at_exit { FileUtils.remove_entry(FILES) if Process.pid == OWNER && File.exist?(FILES) }
OWNER = Process.pid
File.binwrite("#{FILES}/small.txt", "file contents\n")
File.binwrite("#{FILES}/empty", "")
File.binwrite("#{FILES}/big", Random.new(7).bytes(5_000_003))

TEXT = { "content-type" => "text/plain" }.freeze
SERVE = {
  "/array" => ->(_) { [200, TEXT.dup, ["ab", "", "cd\n"]] },
  "/array-empty" => ->(_) { [200, TEXT.dup, []] },
  "/array-big" => ->(_) { [200, TEXT.dup, [*1..500].map { |i| i.to_s * 1000 }] },
  "/lazy" => ->(_) { [200, TEXT.dup, Pieces.new(400)] },
  "/lazy-known" => ->(_) { [200, { "content-length" => "6" }, ["abc", "def"].each] },
  "/gated" => ->(env) { [200, TEXT.dup, Gated.new(env["QUERY_STRING"])] },
  "/open" => ->(env) { GATE.call(env["QUERY_STRING"]) << true and [200, TEXT.dup, ["opened"]] },
  "/enumerator" => ->(_) { [200, TEXT.dup, Enumerator.new { |y| 3.times { |i| y << "e#{i}" } }] },
  "/buffer" => ->(_) { [200, TEXT.dup, Buffer.new(%w[b1 b2])] },
  "/buffer-lazy" => ->(_) { [200, TEXT.dup, Buffer.new(%w[l1 l2].each)] },
  "/binary" => ->(_) { [200, TEXT.dup, ["\xff\x00".b, "é"]] },
  "/file" => ->(_) { [200, TEXT.dup, PathOnly.new("#{FILES}/small.txt")] },
  "/file-404" => ->(_) { [404, TEXT.merge("x-kept" => "yes"), PathOnly.new("#{FILES}/small.txt")] },
  "/file-length" => ->(_) { [200, TEXT.merge("content-length" => "14"), PathOnly.new("#{FILES}/small.txt")] },
  "/file-empty" => ->(_) { [200, TEXT.dup, PathOnly.new("#{FILES}/empty")] },
  "/file-big" => ->(_) { [203, TEXT.merge("etag" => '"big"'), PathOnly.new("#{FILES}/big")] },
  "/file-missing" => ->(_) { [200, TEXT.dup, PathOnly.new("#{FILES}/nowhere")] },
  "/file-object" => ->(_) { [200, TEXT.dup, File.open("#{FILES}/small.txt", "rb")] },
  "/call" => ->(_) { [200, TEXT.dup, ->(stream) { stream << "s1"; stream.write("s2", "s3"); stream.flush; stream.close }] },
  "/call-gated" => lambda do |env|
    [200, TEXT.dup, lambda do |stream|
      stream.write("one")
      stream.flush
      GATE.call(env["QUERY_STRING"]).pop
      stream.write("two")
      stream.close
    end]
  end,
  "/call-facts" => lambda do |_env|
    [200, TEXT.dup, lambda do |stream|
      written = stream.write("abc")
      stream.write(" #{written} #{stream.closed?} #{stream.flush.nil? || true}")
      stream.write(" #{%i[read write << flush close close_read close_write closed?].all? { |m| stream.respond_to?(m) }}")
      stream.close_write
      stream.close
    end]
  end,
  "/call-read" => ->(_) { [200, TEXT.dup, ->(stream) { stream.write("got #{stream.read.inspect}"); stream.close }] },
  "/call-open" => ->(_) { [200, TEXT.dup, ->(stream) { stream.write("never closed") }] },
  "/call-raise" => ->(_) { [200, TEXT.dup, ->(stream) { stream.write("begun"); stream.flush; raise "stream secret" }] },
  "/call-later" => lambda do |_env|
    [200, TEXT.dup, ->(stream) { Thread.new { stream.write("from a thread"); stream.close } }]
  end,
  "/after-close" => lambda do |env|
    [200, TEXT.dup, lambda do |stream|
      stream.write("x")
      stream.close
      begin
        stream.write("y")
        GATE.call(env["QUERY_STRING"]) << "wrote"
      rescue IOError
        GATE.call(env["QUERY_STRING"]) << "IOError"
      end
    end]
  end,
  "/answer" => ->(env) { [200, TEXT.dup, [GATE.call(env["QUERY_STRING"]).pop]] },
  "/threads" => ->(env) { [200, TEXT.merge("x-id" => env["QUERY_STRING"]), [env["QUERY_STRING"] * 50].each] }
}.freeze

run ->(env) { SERVE.fetch(env["PATH_INFO"]).call(env) }
