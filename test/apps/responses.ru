# frozen_string_literal: true

# Responses that a good server must repair or refuse: the path selects one.

# Raises in the middle of its chunks.
class BrokenBody
  def each
    yield "first"
    raise "secret of the body"
  end
end

# A body of unknown length.
class Chunks
  def initialize(*chunks) = @chunks = chunks
  def each(&) = @chunks.each(&)
end

# A body that ends with the trailers that the block makes.
class TrailerBody < Chunks
  def initialize(*chunks, &trailers)
    super(*chunks)
    @trailers = trailers
  end

  def trailers = @trailers.call
end

HOSTILE_TRAILERS = { "x-good" => "good", "x-bad" => "a\r\ninjected: 1", "x-na\r\ninjected" => "2",
                     "content-length" => "3" }.freeze

TEXT = { "content-type" => "text/plain" }.freeze

def text(body, status = 200, **headers) = [status, TEXT.merge(headers), body]
def with(name, value) = [200, TEXT.merge(name => value), ["plain"]]

RESPONSES = {
  "/plain" => ->(_) { text(["plain"]) },
  "/parts" => ->(_) { text(%w[one two three]) },
  "/chunks" => ->(_) { text(Chunks.new("one", "", "two", "three")) },
  "/empty" => ->(_) { text([]) },
  "/204" => ->(_) { [204, {}, ["unwanted"]] },
  "/204-length" => ->(_) { [204, { "content-length" => "8" }, ["unwanted"]] },
  "/204-chunks" => ->(_) { [204, {}, Chunks.new("unwanted")] },
  "/304" => ->(_) { [304, { "etag" => '"a"' }, ["unwanted"]] },
  "/304-length" => ->(_) { [304, { "content-length" => "8" }, ["unwanted"]] },
  "/length" => ->(_) { text(["12345"], "content-length" => "5") },
  "/short-length" => ->(_) { text(["12345 and more"], "content-length" => "5") },
  "/short-length-chunks" => ->(_) { text(Chunks.new("123", "45 and", " more"), "content-length" => "5") },
  "/long-length" => ->(_) { text(["12345"], "content-length" => "50") },
  "/long-length-chunks" => ->(_) { text(Chunks.new("123", "45"), "content-length" => "50") },
  "/bad-length" => ->(_) { text(["12345"], "content-length" => "5, 5") },
  "/own-coding" => ->(_) { text(["12345"], "transfer-encoding" => "chunked") },
  "/own-chunks" => ->(_) { text(Chunks.new("5\r\n12345\r\n0\r\n\r\n"), "transfer-encoding" => "chunked") },
  "/chunks-and-length" => ->(_) { text(Chunks.new("5\r\n12345\r\n0\r\n\r\n"), "transfer-encoding" => "chunked", "content-length" => "5") },
  "/own-date" => ->(_) { text(["plain"], "date" => "Sun, 06 Nov 1994 08:49:37 GMT") },
  "/broken" => ->(_) { text(BrokenBody.new) },
  "/broken-length" => ->(_) { text(BrokenBody.new, "content-length" => "100") },
  "/raise" => ->(_) { raise "secret of the app" },
  "/cookies-array" => ->(_) { with("set-cookie", ["a=1; path=/", "b=2"]) },
  "/cookies-lines" => ->(_) { with("set-cookie", "a=1; path=/\nb=2") },
  "/lines" => ->(_) { with("x-lines", "one\ntwo") },
  "/value-crlf" => ->(_) { with("x-bad", "a\r\ninjected: 1") },
  "/value-cr" => ->(_) { with("x-bad", "a\rinjected: 1") },
  "/value-nul" => ->(_) { with("x-bad", "a\0injected") },
  "/value-array" => ->(_) { with("x-bad", ["good", "a\r\ninjected: 1"]) },
  "/value-utf16" => ->(_) { with("x-bad", "a\r\ninjected: 1".encode("UTF-16LE")) },
  "/value-utf16-hidden" => ->(_) { with("x-bad", "\u0d0a\u0a0dinjected".encode("UTF-16BE")) },
  "/name-crlf" => ->(_) { with("x-bad\r\ninjected", "1") },
  "/name-colon" => ->(_) { with("x-bad: injected", "1") },
  "/name-blank" => ->(_) { with("x bad", "1") },
  "/name-empty" => ->(_) { with("", "1") },
  "/value-frozen" => ->(_) { with("x-good", "frozen value") },
  "/value-binary" => ->(_) { with("x-good", "caf\xE9".b) },
  "/value-utf8" => ->(_) { with("x-good", "café") },
  "/hints" => lambda { |env|
    hint = env["rack.early_hints"]
    begin
      hint&.call("link" => "</a>; rel=preload\r\ninjected: 1")
    rescue StandardError => e
      env["rack.errors"].puts(e.class)
    end
    text(["hinted"])
  },
  "/trailers" => ->(_) { text(TrailerBody.new("one", "two") { { "x-sum" => "6", "x-list" => %w[a b] } }, "trailer" => "x-sum") },
  "/trailers-hostile" => ->(_) { text(TrailerBody.new("body") { HOSTILE_TRAILERS }) },
  "/trailers-nil" => ->(_) { text(TrailerBody.new("body") { nil }) },
  "/trailers-odd" => ->(_) { text(TrailerBody.new("body") { "x-sum: 6" }) },
  "/trailers-raise" => ->(_) { text(TrailerBody.new("body") { raise "secret of the trailers" }) },
  "/status-low" => ->(_) { text(["plain"], 99) },
  "/status-text" => ->(_) { text(["plain"], "200") }
}.freeze

run ->(env) { RESPONSES.fetch(env["PATH_INFO"]).call(env) }
