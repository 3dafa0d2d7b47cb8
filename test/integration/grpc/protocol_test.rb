# frozen_string_literal: true

require_relative "grpc_case"

# The frames and lines that make up a call.
class GrpcProtocolTest < HyperionTest::GrpcCase
  include HyperionTest::Frames

  speak GRPC_APP, "-t", "2", "--log-format", "json", env: { "HOOK" => "1" }

  def call_frames(name, body, ended: true)
    client = peer
    client.write(headers(1, block(GRPC, path: "/test.Test/#{name}", method: "POST"), ended: false) + data(1, body, ended: ended))
    client.frames_until { |one| one.stream == 1 && (one.type == :rst_stream || (%i[headers data].include?(one.type) && one.ended?)) }
      .select { |one| one.stream == 1 && one.type != :window_update }
  end

  def test_a_response_is_headers_data_headers
    frames = call_frames("Unary", framed("hello"))
    assert_equal [[:headers, false], [:data, false], [:headers, true]], frames.map { |one| [one.type, one.ended?] }
    assert_equal framed("hello"), frames[1].payload
  end

  def test_a_response_without_messages_is_headers_headers
    frames = call_frames("Fail", framed("x"))
    assert_equal [[:headers, false], [:headers, true]], frames.map { |one| [one.type, one.ended?] }
  end

  def test_a_response_of_trailers_only_is_one_frame
    frames = call_frames("Missing", framed("x"))
    assert_equal [[:headers, true]], frames.map { |one| [one.type, one.ended?] }
  end

  # An answer that came before the end of the request asks for no more of it (RFC 9113, section 8.1).
  def test_an_answer_before_the_end_of_the_request
    client = h2
    stream = client.request("POST", "/test.Test/Unary", GRPC, end: false)
    client.data(stream, framed("early"))
    response = client.response(stream)
    assert_equal [framed("early"), "0", true], [response.body, response.trailers.to_h["grpc-status"], response.ended]
    assert_includes [nil, 0], response.reset
  end

  def test_every_byte_passes
    bytes = (0..255).to_a.pack("C*") * 300
    response = raw_call(h2, "Unary", framed(bytes))
    assert_equal framed(bytes), response.body
  end

  def test_a_message_may_come_in_any_pieces
    client = h2
    stream = client.request("POST", "/test.Test/Unary", GRPC, end: false)
    framed("in pieces").chars.each { |byte| client.data(stream, byte) }
    client.data(stream, "", end: true)
    assert_equal framed("in pieces"), client.response(stream).body
  end

  def test_other_content_types_are_no_calls
    response = h2.fetch("POST", "/test.Test/Unary", { "content-type" => "text/plain" }, body: framed("x"))
    assert_equal ["no call", nil], [response.body, response.trailers]
  end

  def test_kinds_of_grpc_are_read_while_they_arrive
    %w[application/grpc application/grpc+proto application/grpc+json application/grpc;charset=x].each do |type|
      client = h2
      stream = client.request("POST", "/test.Test/Chat", GRPC.merge("content-type" => type), end: false)
      client.data(stream, framed("first"))
      client.await_body(stream, "re: first")
      client.data(stream, "", end: true)
      assert_equal "0", client.response(stream).trailers.to_h["grpc-status"], type
    end
  end

  def test_http1_has_trailers_where_they_are_wanted
    client = connect
    lines = ["content-type: application/grpc", "content-length: 9"]
    client.write("POST /test.Test/Unary HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n#{lines.join("\r\n")}\r\n\r\n#{framed("four")}")
    response = client.response
    assert_equal [:chunked, framed("four"), [%w[grpc-status 0]]], [response.framing, response.body, response.trailers]
    client.write("POST /test.Test/Unary HTTP/1.1\r\nHost: a\r\n#{lines.join("\r\n")}\r\n\r\n#{framed("four")}")
    response = client.response
    assert_equal [framed("four"), []], [response.body, response.trailers.to_a]
  end

  def test_http1_has_many_messages
    client = connect
    bodies = %w[one two].map { |word| "8\r\n#{framed(word)}\r\n" }.join
    client.write("POST /test.Test/Chat HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nContent-Type: application/grpc\r\n" \
                 "Transfer-Encoding: chunked\r\n\r\n#{bodies}0\r\n\r\n")
    response = client.response
    assert_equal [framed("re: one") + framed("re: two"), [%w[grpc-status 0]]], [response.body, response.trailers]
  end

  # No other test calls this method: lines of others may still be on their way.
  def test_the_line_and_the_hook_of_a_call
    from = server.log.size
    raw_call(h2, "Collect", framed("hello"))
    line = JSON.parse(server.wait_for_log(%r{^\{.*"source":"access".*"path":"/test.Test/Collect".*$}, from: from)[0])
    assert_equal ["POST", 200, 10, "2"], line.values_at("method", "status", "bytes", "http_version")
    hook = JSON.parse(server.wait_for_log(%r{^\{.*"message":"hook".*"path":"/test.Test/Collect".*$}, from: from)[0])
    assert_equal [true, 200].map(&:to_s), hook.values_at("rack", "status").map(&:to_s)
  end

  def test_the_line_of_a_call_that_was_given_up
    from = server.log.size
    client = peer
    client.write(headers(1, block(GRPC, path: "/test.Test/Write", method: "POST"), ended: false) + data(1, framed("leaver")))
    client.frames_until { |one| one.type == :data }
    client.write(reset(1))
    line = JSON.parse(server.wait_for_log(%r{^\{.*"source":"access".*"path":"/test.Test/Write".*$}, from: from)[0])
    assert_equal 200, line["status"], "which had left before the client did"
  end

  def test_a_stop_finishes_calls
    booted = boot_h2(GRPC_APP, "-t", "2")
    client = h2(booted)
    stream = client.request("POST", "/test.Test/Chat", GRPC, end: false)
    client.data(stream, framed("one"))
    client.await_body(stream, "re: one")
    booted.signal(:TERM)
    booted.wait_for_log(/draining/)
    client.hold # python's h2 takes no more once it has read GOAWAY; the frames are made by hand
    client.raw(data(stream, framed("two"), ended: true))
    assert_equal 0, booted.wait.exitstatus
    assert_match(%r{"path":"/test.Test/Chat".*"status":200.*"bytes":24,}, booted.log)
  end

  def test_the_example
    booted = boot_h2("examples/grpc.ru", "-t", "2")
    skip "no gRPC for python is installed" unless HyperionTest::GrpcCase.client?("python")
    output = run_client(PYTHON, "#{__dir__}/example_client.py", "127.0.0.1:#{booted.port}")
    assert_equal ["hi", "hi hi hi", "ab", "a b", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED"], output.lines(chomp: true)
  end
end
