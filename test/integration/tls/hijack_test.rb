# frozen_string_literal: true

require_relative "tls_case"

# An application that takes a TLS connection gets a socket, too: what it writes leaves encrypted.
class TlsHijackTest < HyperionTest::TlsCase
  serve "test/integration/rack/apps/hijack.ru", *LOCAL.flags, "-t", "3"

  LARGE = "x" * 3_000_000

  def test_the_server_says_that_it_can = assert_equal("true", secure_get("/flag").body)

  def test_a_full_hijack_answers_by_hand
    response = secure_get("/full?hand")
    assert_equal [200, "hijacked true true"], [response.status, response.body]
    assert_nil response["date"], "nothing of the server in it"
    assert_equal "true", secure_get("/report?hand").body
  end

  def test_the_end_belongs_to_the_app
    client = secure_client.request("GET", "/full?end")
    client.response
    assert_ended client
  end

  def test_a_hijacked_connection_lives_on_behind_the_call
    client = upgrade
    assert_equal 101, client.response_head.status
    10.times do |i|
      client.write("number #{i}\n")
      assert_equal "echo number #{i}\n", read_line(client)
      assert_equal 404, secure_get("/other").status if (i % 3).zero?
    end
    client.write("bye\n")
    assert_equal "goodbye\n", client.read_to_end
  end

  def test_bytes_behind_the_request_reach_the_hijacker
    request = "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\nearly one\nearly two\nbye\n"
    assert_match(/\r\n\r\necho early one\necho early two\ngoodbye\n\z/, secure_client.write(request).read_to_end)
  end

  def test_a_client_that_sends_no_more_is_heard_and_answered
    client = upgrade
    client.response_head
    client.write("last\n").close_write
    assert_equal "echo last\ngoodbye\n", client.read_to_end
  end

  def test_much_goes_both_ways_at_once
    client = upgrade
    client.response_head
    writer = Thread.new { client.write("#{LARGE}\nbye\n", timeout: 30) }
    assert_equal "echo #{LARGE}\ngoodbye\n", client.read_to_end(timeout: 30)
    writer.join
  end

  def test_a_client_that_leaves_ends_it_for_the_application
    secure_get("/full?warm")
    before = server.descriptor_count
    10.times { upgrade.tap(&:response_head).abort }
    eventually("sockets of clients that have left stay open") { server.descriptor_count <= before }
  end

  def test_a_body_that_the_client_holds_back_never_comes_behind_a_hijack
    client = secure_client.request("POST", "/body", "expect" => "100-continue", "content-length" => "5")
    assert_equal "closed stream", client.response.body
    assert_equal "12345", secure_client.request("POST", "/body", body: "12345").response.body
  end

  def test_raising_behind_a_hijack_adds_nothing
    client = secure_client.request("GET", "/raise")
    assert_includes read_line(client, /mine/), "mine"
    assert client.silent?(0.3) || client.ended?, "no second response"
    assert_equal 404, secure_get("/other").status
  end

  def test_hijacks_leave_no_descriptors_behind
    3.times { |i| secure_get("/full?warm#{i}") }
    before = server.descriptor_count
    30.times { |i| secure_get("/full?fd#{i}") }
    eventually("descriptors leak") { server.descriptor_count <= before + 2 }
  end

  def test_the_end_of_the_server_does_not_wait_for_it
    app = boot("test/integration/rack/apps/hijack.ru", *LOCAL.flags, "--graceful-timeout", "20")
    client = upgrade(to: app).tap(&:response_head)
    took = elapsed { app.stop(:TERM) }
    assert_operator took, :<, 5
    assert_ended client
  end

  private

  def read_line(client, pattern = /\n/)
    seen = +""
    seen << client.read_some until pattern.match?(seen)
    seen
  end

  def upgrade(**options) = secure_client(**options).request("GET", "/echo", "connection" => "upgrade", "upgrade" => "lines")
end
