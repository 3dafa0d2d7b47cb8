# frozen_string_literal: true

# Answers that apps give to other servers.
require "pathname"
require "tempfile"

# A file by its path, in whatever form that is.
class AtPath
  def initialize(path) = @path = path
  def to_path = @path
  def each = yield("by each")
end

# Counts how often it is closed; its `to_ary` closes it, as the SPEC asks.
class Closing
  CLOSED = Hash.new(0)

  def initialize(key, pieces) = (@key, @pieces = key, pieces)
  def each(&block) = @pieces.each(&block)
  def to_ary = @pieces.tap { close }
  def close = CLOSED[@key] += 1
end

# Chunks its pieces, as Rack 2 and Rails do for `render stream: true`.
class Chunked
  def initialize(pieces, tail = "0\r\n\r\n") = (@pieces, @tail = pieces, tail)

  def each
    @pieces.each { |piece| yield "#{piece.bytesize.to_s(16)}\r\n#{piece}\r\n" }
    yield @tail
  end
end

CODED = { "transfer-encoding" => "chunked" }.freeze
VALUES = { "x-float" => 0.25, "x-true" => true, "x-time" => Time.at(0).utc, "x-symbol" => :word, "x-nil" => nil, "x-integer" => 5,
           "x-many" => [1.5, :b] }.freeze
FULL = Tempfile.create("page").tap { |page| page.write("p" * 4096) && page.flush }
PIECES = %w[hello \  world].freeze

run(lambda do |env|
  length = { "content-length" => "11" }
  case env["PATH_INFO"]
  when "/pathname" then [200, {}, AtPath.new(Pathname.new(__FILE__))]
  when "/no-path" then [200, {}, AtPath.new(nil)]
  when "/proc" then [200, {}, AtPath.new("/proc/version")]
  when "/sys" then [200, {}, AtPath.new("/sys/kernel/mm/transparent_hugepage/enabled")]
  when "/page" then [200, {}, AtPath.new(FULL.path)]
  when "/values" then [200, VALUES, ["values"]]
  when "/to-ary" then [200, {}, Closing.new("to-ary", %w[a b])]
  when "/to-ary-bad" then [200, {}, Closing.new("to-ary-bad", [1])]
  when "/closed" then [200, {}, [Closing::CLOSED[env["QUERY_STRING"]].to_s]]
  when "/hijack" then [200, { "rack.hijack" => ->(stream) { stream.write("content") && stream.close } }, []]
  when "/switch" then [101, { "upgrade" => "x", "connection" => "upgrade" }, ->(stream) { stream.write("raw") && stream.close }]
  when "/frozen"
    error = (env["rack.input"].read(3, "frozen") rescue $!)
    [200, {}, ["#{error.class} #{env["rack.input"].read}"]]
  when "/chunked" then [200, CODED, Chunked.new(PIECES)]
  when "/chunked-array" then [200, { "Transfer-Encoding" => "Chunked" }, Chunked.new(PIECES).to_enum.to_a]
  when "/chunked-length" then [200, CODED.merge(length), Chunked.new(PIECES)]
  when "/chunked-trailers" then [200, CODED, Chunked.new(PIECES, "0\r\nx-sum: 6\r\n\r\n")]
  when "/chunked-call" then [200, CODED, ->(stream) { Chunked.new(PIECES).each { |piece| stream.write(piece) } && stream.close }]
  when "/chunked-hijack" then [200, CODED.merge("rack.hijack" => ->(stream) { Chunked.new(PIECES).each { |piece| stream.write(piece) } && stream.close }), []]
  when "/chunked-short" then [200, CODED, Chunked.new(PIECES, "")]
  when "/chunked-plain" then [200, CODED, Class.new { def each = yield("hello") }.new]
  when "/chunked-plain-array" then [200, CODED, ["hello"]]
  when "/coded" then [200, { "transfer-encoding" => "gzip, chunked" }, ["x"]]
  else [200, { "transfer-encoding" => "identity" }, ["fine"]]
  end
end)
