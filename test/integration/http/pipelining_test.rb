# frozen_string_literal: true

require_relative "../../support/attack_case"

# Requests behind each other on one connection: in order, in step, and never behind an error.
class PipeliningTest < HyperionTest::AttackCase
  def self.get(path, *lines) = head(*lines, request: "GET #{path} HTTP/1.1")

  def pipeline(*paths) = paths.map { |path| self.class.get(path) }.join

  %w[GET HEAD DELETE OPTIONS POST FOO].each do |method|
    %w[/ignore /echo].each do |path|
      define_method("test_A14_#{method}_with_a_length_on_#{path[1..]}_stays_in_step") do
        assert_two_in_step(method, head("Content-Length: #{evil.bytesize}", request: "#{method} #{path} HTTP/1.1") + evil)
      end

      define_method("test_A14_#{method}_with_chunks_on_#{path[1..]}_stays_in_step") do
        chunks = "#{evil.bytesize.to_s(16)}\r\n#{evil}\r\n0\r\n\r\n"
        assert_two_in_step(method, head("Transfer-Encoding: chunked", request: "#{method} #{path} HTTP/1.1") + chunks)
      end
    end
  end

  def test_A14_a_length_of_zero_leaves_what_follows_a_request
    responses = assert_in_step(self.class.get("/a", "Content-Length: 0") + pipeline("/b"))
    assert_equal ["GET /a", "GET /b"], responses.map(&:body)
  end

  def test_A14_no_length_means_no_body
    responses = assert_in_step(head(request: "POST /a HTTP/1.1") + pipeline("/b"))
    assert_equal ["POST /a", "GET /b"], responses.map(&:body)
  end

  def test_A17_responses_come_in_the_order_of_the_requests
    paths = Array.new(200) { |index| "/#{index}" }
    assert_equal paths.map { |path| "GET #{path}" }, assert_in_step(pipeline(*paths)).map(&:body)
  end

  def test_A17_a_slow_first_request_holds_the_order
    responses = assert_in_step(pipeline("/sleep?0.2", "/b", "/sleep?0.1", "/d"))
    assert_equal ["slept", "GET /b", "slept", "GET /d"], responses.map(&:body)
  end

  def test_A17_nothing_behind_a_refused_request_is_served
    client = connect
    client.write(pipeline("/a", "/sleep?0.2") + "BAD\r\n\r\n" + pipeline("/evil", "/evil"))
    assert_equal ["GET /a", "slept"], [client.response, client.response].map(&:body)
    assert_refused(client, 400)
    assert_equal ["GET /a", "GET /sleep"], reached
  end

  def test_A17_nothing_behind_connection_close_is_served
    client = connect
    client.write(pipeline("/a") + self.class.get("/b", "Connection: close") + pipeline("/evil"))
    assert_equal ["GET /a", "GET /b"], [client.response, client.response].map(&:body)
    assert_ended client
    assert_equal ["GET /a", "GET /b"], reached
  end

  def test_A17_nothing_behind_a_closing_response_is_served
    client = connect
    client.write(pipeline("/a", "/close", "/evil"))
    assert_equal ["GET /a", "closing"], [client.response, client.response].map(&:body)
    assert_ended client
    assert_equal ["GET /a", "GET /close"], reached
  end

  def test_A17_an_app_that_raises_keeps_the_order
    responses = assert_in_step(pipeline("/a", "/raise", "/b"))
    assert_equal [200, 500], responses.first(2).map(&:status)
    assert_equal "GET /b", responses[2].body if responses[2]
    refute_includes responses[1].body, "secret"
  end

  def test_A16_an_upgrade_that_nobody_takes_is_a_plain_request
    {
      "websocket" => ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="],
      "h2c" => ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
      "unknown" => ["Connection: upgrade", "Upgrade: foo/1"]
    }.each do |title, lines|
      responses = assert_in_step(self.class.get("/a", *lines) + pipeline("/b"))
      assert_equal [200, "GET /a"], [responses[0].status, responses[0].body], title
    end
  end

  def test_A16_the_app_sees_what_was_offered
    env = get("/echo", "connection" => "upgrade", "upgrade" => "websocket").json["env"]
    assert_equal %w[upgrade websocket], env.values_at("HTTP_CONNECTION", "HTTP_UPGRADE")
  end

  def test_A16_an_upgrade_on_a_request_with_body_keeps_the_body
    lines = ["Connection: Upgrade", "Upgrade: websocket", "Content-Length: #{evil.bytesize}"]
    responses = assert_in_step(head(*lines, request: "POST /echo HTTP/1.1") + evil)
    assert_equal [200, evil], [responses[0].status, responses[0].json["body"]]
  end

  def test_A17_requests_cut_anywhere_are_answered_alike
    bytes = pipeline("/a") + head("Content-Length: 5", request: "POST /echo HTTP/1.1") + "hello" + pipeline("/c")
    (1...bytes.size).step(2) do |cut|
      client = connect
      client.write_slowly([bytes[0...cut], bytes[cut..]], interval: 0.0005)
      bodies = Array.new(3) { client.response.body }
      assert_equal ["GET /a", "GET /c"], [bodies[0], bodies[2]], "cut at #{cut}"
      client.close
    end
  end

  def test_A17_requests_of_single_bytes_are_answered
    client = connect
    client.write_slowly(pipeline("/a", "/b").chars)
    assert_equal ["GET /a", "GET /b"], [client.response, client.response].map(&:body)
  end

  private

  # Sends a request with a body that looks like one, then `/after`.
  def assert_two_in_step(method, request)
    client = connect
    client.write(request + head("Connection: close", request: "GET /after HTTP/1.1"))
    first = client.response(head: method == "HEAD")
    second = client.response unless first.close?
    assert_equal "GET /after", second.body if second
    assert_ended client
    refute_includes reached.join("\n"), "evil"
  end
end
