# frozen_string_literal: true

require_relative "http2_case"

# What RFC 9113 calls malformed ends the stream, or the connection, and never reaches the app.
class Http2MalformedTest < HyperionTest::Http2Case
  F = HyperionTest::Frames

  include HyperionTest::Frames

  speak APP, "-t", "1"

  def self.fields(*pairs) = pairs.map { |name, value| F.field(name, value) }.join

  GET = [%w[:method GET], %w[:scheme http], %w[:path /reached], %w[:authority a]].freeze
  without = ->(name) { fields(*GET.reject { |key, _| key == name }) }
  also = ->(*pairs) { fields(*GET, *pairs) }

  BLOCKS = {
    "an uppercase name" => also[%w[X-Upper 1]],
    "a pseudo header behind others" => fields(*GET.first(3), %w[x 1], GET.last),
    "no method" => without[":method"], "no scheme" => without[":scheme"], "no path" => without[":path"],
    "two methods" => fields(GET.first, *GET), "two paths" => fields(GET[2], *GET), "two schemes" => fields(GET[1], *GET),
    "two authorities" => fields(GET[3], *GET), "an unknown pseudo header" => fields(*GET, %w[:other 1]),
    "a status" => fields(*GET, %w[:status 200]),
    "another host" => also[%w[host other]], "two hosts" => also[%w[host a], %w[host a]],
    "CR and LF in a value" => also[["x", "a\r\nb: c"]], "LF in a value" => also[["x", "a\nb"]], "NUL in a value" => also[["x", "a\0b"]],
    "a blank in a name" => also[["x y", "1"]], "a colon in a name" => also[["x:y", "1"]], "an empty name" => also[["", "1"]],
    "white space around a value" => also[["x", " 1 "]],
    "connection" => also[%w[connection close]], "keep-alive" => also[%w[keep-alive 1]], "proxy-connection" => also[%w[proxy-connection close]],
    "transfer-encoding" => also[%w[transfer-encoding chunked]], "upgrade" => also[%w[upgrade h2c]], "te" => also[%w[te gzip]],
    "an empty path" => fields(GET[0], GET[1], [":path", ""], GET[3]), "a path without a slash" => fields(GET[0], GET[1], [":path", "reached"], GET[3]),
    "a path with a blank" => fields(GET[0], GET[1], [":path", "/reached /x"], GET[3]), "a path with LF" => fields(GET[0], GET[1], [":path", "/reached\n"], GET[3]),
    "an empty method" => fields([":method", ""], *GET.drop(1)), "a method with a blank" => fields([":method", "GET /evil"], *GET.drop(1)),
    "two lengths" => also[%w[content-length 0], %w[content-length 0]], "a bad length" => also[%w[content-length +1]],
    "a length without a body" => also[%w[content-length 3]],
    "a host that is none" => fields(*GET.first(3), [":authority", "a b"])
  }.freeze

  # Some say 501 to CONNECT, which this server has not.
  CONNECTS = { "a plain CONNECT" => fields(%w[:method CONNECT], %w[:authority a:1]),
               "an extended CONNECT" => fields(%w[:method CONNECT], %w[:protocol websocket], *GET.drop(1)),
               "a CONNECT with a bad protocol" => fields(%w[:method CONNECT], [":protocol", "\x7f"], *GET.drop(1)) }.freeze

  BLOCKS.each do |title, block|
    define_method("test_D8_#{title.gsub(/\W+/, "_")}") { assert_malformed(headers(1, block)) }
  end

  # What is wrong with a name, or with the target, is no matter of the connection.
  { "a name" => fields(*GET) + F.remembered("X-Upper", "1"), "a fragment" => fields(*GET.reject { |key, _| key == ":path" }, %w[:path /reached#x]) }.each do |title, block|
    define_method("test_D8_only_the_stream_ends_for_#{title.tr(" ", "_")}") do
      client = peer.write(headers(1, block) + headers(3, F.block(path: "/ignore")))
      seen = client.frames_until { |one| one.stream == 3 && one.ended? }
      assert_equal [:protocol_error], seen.select { |one| one.stream == 1 }.map(&:code)
      assert_equal "ignored", seen.last.payload
      assert_nothing_reached
    end
  end

  CONNECTS.each do |title, block|
    define_method("test_D12_#{title.gsub(/\W+/, "_")}") { assert_unserved(headers(1, block)) }
  end

  # Where there is a closer word, the general one is true, too (section 7).
  UNSPECIFIC = :protocol_error
  ROOM = 0x7fff_ffff
  POST = F.headers(1, F.block(path: "/digest", method: "POST"), ended: false)
  CONNECTION = {
    "data on no stream" => [F.frame(:data, "x"), :protocol_error],
    "headers on no stream" => [F.frame(:headers, F.block, flags: 5), :protocol_error],
    "settings on a stream" => [F.frame(:settings, "", stream: 1), :protocol_error],
    "settings of odd length" => [F.frame(:settings, "12345"), :frame_size_error],
    "an acknowledgement with content" => [F.frame(:settings, "123456", flags: 1), :frame_size_error],
    "a window above its most" => [F.settings(4 => ROOM + 1), :flow_control_error],
    "frames too small" => [F.settings(5 => 100), :protocol_error],
    "push neither on nor off" => [F.settings(2 => 2), :protocol_error],
    "a ping on a stream" => [F.frame(:ping, "12345678", stream: 1), :protocol_error],
    "a ping of seven bytes" => [F.frame(:ping, "1234567"), :frame_size_error],
    "a goaway on a stream" => [F.frame(:goaway, "\0" * 8, stream: 1), :protocol_error],
    "a reset of an idle stream" => [F.reset(1), :protocol_error],
    "a reset of no stream" => [F.reset(0), :protocol_error],
    "a reset of five bytes" => [POST + F.frame(:rst_stream, "12345", stream: 1), :frame_size_error],
    "a window of no room" => [F.window(0), :protocol_error],
    "a window that overflows" => [F.window(ROOM), :flow_control_error],
    "room for an idle stream" => [F.window(1, 1), :protocol_error],
    "a continuation without a head" => [F.frame(:continuation, "", stream: 1, flags: 4), :protocol_error],
    "another frame in a head" => [F.headers(1, F.block, complete: false) + F.ping, :protocol_error],
    "a continuation of another stream" => [F.headers(1, F.block, complete: false) + F.frame(:continuation, "", stream: 3, flags: 4), :protocol_error],
    "an even stream" => [F.headers(2, F.block), :protocol_error],
    "a push" => [POST + F.frame(:push_promise, "\0\0\0\2#{F.block}", stream: 1, flags: 4), :protocol_error],
    "a frame that is too long" => [F.frame(:data, "x" * 16_385, stream: 1), :frame_size_error],
    "padding beyond the frame" => [POST + F.frame(:data, "\x09abc", stream: 1, flags: 8), :protocol_error],
    "a block that cannot be read" => [F.headers(1, "\xff\xff\xff\xff\xff\xff"), :compression_error],
    "a table size above the most" => [F.headers(1, "\x3f\xe1\xff\x03".b + F.block), :compression_error],
    "data behind the end" => [F.headers(1, F.block(path: "/ignore")) + F.data(1, "x"), :stream_closed]
  }.freeze

  CONNECTION.each do |title, (bytes, code)|
    define_method("test_D9_#{title.gsub(/\W+/, "_")}") do
      attacker = peer.write(bytes)
      frames = attacker.frames_until { |one| one.type == :goaway || (one.type == :rst_stream && one.code == :stream_closed) }
      assert_includes [code, UNSPECIFIC], frames.last.code
      assert_served
    end
  end

  def test_D9_a_stream_that_goes_back
    attacker = peer.write(headers(5, block(path: "/ignore")))
    attacker.await_stream(5)
    attacker.write(headers(3, block(path: "/reached")))
    assert_includes %i[protocol_error stream_closed], attacker.frames_until { |one| %i[goaway rst_stream].include?(one.type) }.last.code
    assert_nothing_reached
  end

  def test_D9_a_window_of_a_stream_that_overflows
    attacker = peer.write(POST + window(ROOM, 1))
    assert_equal :flow_control_error, attacker.frames_until { |one| %i[goaway rst_stream].include?(one.type) }.last.code
  end

  def test_D9_what_is_unknown_is_ignored
    client = peer
    client.write(frame(0xee, "unknown", stream: 0) + frame(0xef, "", stream: 7) + settings(0xaaaa => 1) + ping + headers(1, block(path: "/ignore")))
    assert_equal "ignored", client.await_stream(1).payload
  end

  def test_D11_a_preface_that_comes_byte_by_byte
    client = peer(hello: false).write_slowly((PREFACE + settings + headers(1, block(path: "/ignore"))).chars)
    assert_equal "ignored", client.await_stream(1).payload
  end

  def test_D11_a_preface_that_stops
    booted = boot_h2(APP, "--read-timeout", "1", "--idle-keepalive", "1")
    stopped = peer(booted, hello: false).write(PREFACE[0, 20])
    silent = peer(booted, hello: false).write(PREFACE)
    assert_served booted
    [stopped, silent].each { |client| client.read_to_end(timeout: 15) }
  end

  def test_D11_a_preface_that_is_none
    ["PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI / HTTP/2.0\r\n\r\n", "PRI * HTTP/2.0\r\nHost: a\r\n\r\n"].each do |bytes|
      refute_match(/ 200 /, peer(hello: false).write(bytes).read_to_end)
    end
  end

  def test_D11_http2_without_tls_on_the_port_of_tls
    client = HyperionTest::RawClient.tcp("127.0.0.1", secure_port).tap { |one| ending { one.close } }
    answer = client.write(HyperionTest::Frames.hello + headers(1, block(path: "/reached"))).read_to_end
    refute_match(/reached/, answer)
    assert_nothing_reached
  end

  def test_D11_http1_on_the_same_port
    assert_equal "ignored", get("/ignore").body
  end

  private

  # The stream ends with PROTOCOL_ERROR or status 400, or the connection with PROTOCOL_ERROR.
  def assert_malformed(bytes)
    last = assert_unserved(bytes)
    assert_includes %i[rst_stream goaway], last.type
    assert_equal :protocol_error, last.code
  end

  # Whatever is said, the app is not called.
  def assert_unserved(bytes)
    last = peer.write(bytes).frames_until { |one| one.type == :goaway || (one.stream == 1 && (one.type == :rst_stream || one.ended?)) }.last
    assert_nothing_reached
    last
  end

  def assert_nothing_reached = assert_equal(404, get("/note").status, "the app was reached")
end
