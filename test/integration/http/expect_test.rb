# frozen_string_literal: true

require "digest"
require_relative "../../support/attack_case"

# Expect: 100-continue is answered when the app reads the body, and only then.
class ExpectTest < HyperionTest::AttackCase
  def expecting(path, length, expect: "100-continue", method: "POST", connection: "keep-alive")
    head("Expect: #{expect}", "Content-Length: #{length}", "Connection: #{connection}", request: "#{method} #{path} HTTP/1.1")
  end

  def test_W11_continue_comes_when_the_app_reads
    client = connect
    client.write(expecting("/echo", 5))
    assert_equal 100, client.response_head.status
    client.write("hello")
    response = client.response
    assert_equal [200, "hello", []], [response.status, response.json["body"], response.informational]
    assert_equal 200, client.get("/again").status unless response.close?
  end

  def test_W11_no_continue_when_the_app_does_not_read
    client = connect
    client.write(expecting("/ignore", 5))
    response = client.response
    assert_equal [200, "ignored", []], [response.status, response.body, response.informational]
  end

  def test_W11_continue_comes_for_chunks_too
    client = connect
    client.write(head("Expect: 100-continue", "Transfer-Encoding: chunked", request: "POST /echo HTTP/1.1"))
    assert_equal 100, client.response_head.status
    client.write("5\r\nhello\r\n0\r\n\r\n")
    assert_equal "hello", client.response.json["body"]
  end

  def test_W11_the_expectation_is_told_in_any_case
    client = connect
    client.write(expecting("/echo", 5, expect: "100-Continue"))
    assert_equal 100, client.response_head.status
    client.write("hello")
    assert_equal "hello", client.response.json["body"]
  end

  def test_W11_a_large_expected_body_is_whole
    body = "0123456789abcdef" * 65_536
    client = connect
    client.write(expecting("/digest", body.bytesize))
    assert_equal 100, client.response_head.status
    client.write(body)
    assert_equal Digest::SHA256.hexdigest(body), client.response.json["sha256"]
  end

  def test_A15_an_unread_body_that_comes_at_once_is_never_a_request
    responses = assert_in_step(expecting("/ignore", evil.bytesize) + evil)
    assert_equal "ignored", responses[0].body
  end

  def test_A15_an_unread_body_that_comes_late_is_never_a_request
    client = connect
    client.write(expecting("/ignore", evil.bytesize))
    assert_equal "ignored", client.response.body
    client.write(evil + head("Connection: close", request: "GET /last HTTP/1.1"))
    rest = client.read_to_end
    refute_includes reached.join, "evil"
    assert_includes ["", "GET /last"], rest[-9..].to_s
  end

  def test_A15_a_body_read_at_once_is_exact
    responses = assert_in_step(expecting("/echo", evil.bytesize) + evil)
    assert_equal evil, responses[0].json["body"]
  end

  rejects "A15", "another expectation", 417, head("Expect: 200-ok", "Content-Length: 5") + "hello"
  rejects "A15", "a list of expectations", 417, head("Expect: 100-continue, x", "Content-Length: 5") + "hello"
  rejects "A15", "junk behind the expectation", 417, head("Expect: 100-continue/junk", "Content-Length: 5") + "hello"

  def test_A15_an_expectation_of_http_1_0_is_ignored
    client = connect
    client.write("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
    response = client.response
    assert_equal [200, "hello", []], [response.status, response.json["body"], response.informational]
  end

  def test_A15_get_with_an_expected_body_stays_in_step
    responses = assert_in_step(expecting("/ignore", evil.bytesize, method: "GET") + evil)
    assert_equal "ignored", responses[0].body
  end

  def test_A15_an_expectation_without_body_gets_its_answer
    client = connect
    client.write(expecting("/ignore", 0, method: "GET"))
    assert_equal [200, []], client.response.then { |response| [response.status, response.informational] }
    client.write(head("Expect: 100-continue", request: "GET /ignore HTTP/1.1"))
    assert_equal [200, []], client.response.then { |response| [response.status, response.informational] }
  end

  def test_C6_an_expected_body_over_the_limit_is_refused_without_continue
    client = connect
    client.write(expecting("/echo", 1 << 40))
    response = assert_refused(client, 413)
    assert_empty response.informational
    assert_empty reached
  end
end
