# frozen_string_literal: true

require_relative "../../support/integration"

# When a connection goes on and when it ends, by version and by the Connection token list.
class KeepAliveTest < HyperionTest::IntegrationCase
  serve "probe.ru", "-t", "2"

  def exchange(client, version, *lines)
    client.write((["GET /ignore HTTP/#{version}", "Host: a", *lines].join("\r\n") + "\r\n\r\n").b)
    client.response
  end

  def assert_goes_on(version, *lines)
    client = connect
    3.times { refute exchange(client, version, *lines).close? }
    client
  end

  def assert_closes(version, *lines)
    client = connect
    response = exchange(client, version, *lines)
    assert_equal 200, response.status
    assert_ended client
    response
  end

  def test_http_1_1_goes_on = assert_goes_on("1.1")
  def test_http_1_1_goes_on_when_told = assert_goes_on("1.1", "Connection: keep-alive")
  def test_http_1_1_says_close_when_told = assert(assert_closes("1.1", "Connection: close").close?)
  def test_http_1_0_closes = assert_closes("1.0")
  def test_http_1_0_closes_when_told = assert_closes("1.0", "Connection: close")

  def test_http_1_0_goes_on_when_asked
    client = connect
    2.times do
      response = exchange(client, "1.0", "Connection: keep-alive")
      assert_equal ["keep-alive", :length], [response["connection"].downcase, response.framing]
    end
  end

  def test_W26_close_is_found_in_a_list
    assert_closes("1.1", "Connection: foo, close")
    assert_closes("1.1", "Connection: close, keep-alive")
    assert_closes("1.1", "Connection: TE,CLOSE , bar")
    assert_closes("1.1", "Connection: keep-alive", "Connection: close")
    assert_closes("1.0", "Connection: keep-alive, close")
  end

  def test_W26_keep_alive_is_found_in_a_list
    assert_goes_on("1.0", "Connection: foo,Keep-Alive")
    assert_goes_on("1.0", "Connection: foo", "Connection: keep-alive")
  end

  def test_W26_a_token_that_contains_close_is_not_close
    assert_goes_on("1.1", "Connection: closed, x-close")
    assert_goes_on("1.1", "Connection: ,, ,")
  end

  def test_http_1_0_never_gets_chunks
    app = boot("responses.ru")
    client = connect(app)
    client.write("GET /chunks HTTP/1.0\r\n\r\n")
    response = client.response
    assert_equal [:close, "onetwothree"], [response.framing, response.body]
    client = connect(app)
    client.write("GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert_equal [:close, "onetwothree"], client.response.then { |kept| [kept.framing, kept.body] }
  end

  def test_the_app_may_close
    client = connect
    assert client.get("/close").close?
    assert_ended client
  end

  def test_a_half_closed_connection_gets_its_answers
    client = connect
    client.request("GET", "/sleep?0.1").request("GET", "/ignore").close_write
    assert_equal %w[slept ignored], [client.response, client.response].map(&:body)
    assert_ended client
  end

  def test_a_half_closed_request_gets_no_answer_of_the_app
    client = connect
    client.write("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello").close_write
    refute_includes client.read_to_end, "ignored"
  end

  def test_a_thousand_requests_on_one_connection
    client = connect
    1000.times { |index| assert_equal "GET /#{index}", client.get("/#{index}").body }
  end

  def test_many_connections_at_once_each_get_their_own
    clients = Array.new(100) { connect }
    clients.each_with_index { |client, index| client.request("GET", "/#{index}") }
    assert_equal Array.new(100) { |index| "GET /#{index}" }, clients.map { |client| client.response.body }
  end

  def test_clients_that_leave_do_no_harm
    100.times do
      client = server.connect
      client.request("GET", "/pattern?100000")
      client.abort
    end
    assert_equal 200, get("/ignore").status
  end
end
