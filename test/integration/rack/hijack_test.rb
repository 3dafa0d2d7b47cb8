# frozen_string_literal: true

require_relative "rack_case"

# Applications that take the socket: whole, or behind the headers.
class HijackTest < HyperionTest::RackCase
  serve app("hijack"), "-t", "3"

  def test_the_server_says_that_it_can
    assert_equal "true", get("/flag").body
  end

  def test_a_full_hijack_answers_by_hand
    response = get("/full?hand")
    assert_equal [200, "hijacked true true"], [response.status, response.body]
    assert_nil response["date"], "nothing of the server in it"
    assert_equal "true", get("/report?hand").body
  end

  def test_the_end_belongs_to_the_app
    client = connect.request("GET", "/full?end")
    client.response
    assert_ended client
  end

  def test_a_hijacked_socket_lives_on_behind_the_call
    client = connect.request("GET", "/echo", "connection" => "upgrade", "upgrade" => "lines")
    head = client.response_head
    assert_equal [101, "lines"], [head.status, head["upgrade"]]
    10.times do |i|
      client.write("number #{i}\n")
      assert_equal "echo number #{i}\n", read_until(client, /\n/)
      assert_equal 404, get("/other").status if (i % 3).zero?
    end
    client.write("bye\n")
    assert_equal "goodbye\n", client.read_to_end
  end

  def test_bytes_behind_the_request_reach_the_hijacker
    request = "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\nearly one\nearly two\nbye\n"
    assert_match(/\r\n\r\necho early one\necho early two\ngoodbye\n\z/, connect.write(request).read_to_end)
  end

  def test_bytes_behind_a_request_with_a_body_reach_the_hijacker
    request = "POST /echo HTTP/1.1\r\nHost: a\r\nUpgrade: lines\r\nContent-Length: 4\r\n\r\nbodyafter\nbye\n"
    assert_match(/\r\n\r\necho after\ngoodbye\n\z/, connect.write(request).read_to_end)
  end

  def test_a_kept_socket_is_not_touched_by_the_server
    client = connect.request("GET", "/keep?socket")
    read_until(client, /kept\n/)
    40.times { get("/flag") }
    assert client.silent?(0.3), "neither bytes nor the end"
    assert_equal "done", get("/poke?socket").body
    assert_equal "poked\n", client.read_to_end
  end

  def test_non_blocking_reads_and_writes
    client = connect.request("GET", "/nonblock")
    read_until(client, /ready\n/)
    client.write("late")
    assert_equal "[:wait_readable, \"late\"]\n", client.read_to_end
  end

  def test_a_body_that_the_client_holds_back_never_comes_behind_a_hijack
    client = connect.request("POST", "/body", "expect" => "100-continue", "content-length" => "5")
    assert_equal "closed stream", client.response.body
    assert_equal "12345", connect.request("POST", "/body", body: "12345").response.body
  end

  def test_raising_behind_a_hijack_adds_nothing
    client = connect.request("GET", "/raise")
    read_until(client, /mine/)
    assert client.silent?(0.3) || client.ended?, "no second response"
    assert_equal 404, get("/other").status
  end

  def test_a_partial_hijack_writes_behind_the_headers
    client = connect.request("GET", "/partial?part")
    seen = read_until(client, /partial /)
    assert_match(/\AHTTP\/1.1 200 OK\r\n/, seen)
    refute_match(/rack\.hijack/i, seen)
    refute_includes seen, "hijack"
    get("/open?part")
    assert_match(/hijack/, read_until(client, /hijack/))
  end

  def test_a_partial_hijack_is_framed_for_the_client
    get("/open?frame")
    assert_equal "partial hijack", get("/partial?frame").body
  end

  def test_a_partial_hijack_switches_protocols
    client = connect.request("GET", "/upgrade", "connection" => "upgrade", "upgrade" => "talk")
    seen = read_until(client, /welcome\n/)
    assert_match(%r{\AHTTP/1.1 101 }, seen)
    assert_match(/^upgrade: talk\r$/i, seen)
    refute_match(/transfer-encoding|content-length/i, seen)
    client.write("hello")
    assert_equal "heard hello\n", client.read_to_end
  end

  def test_hijacks_leave_no_descriptors_behind
    3.times { |i| get("/full?warm#{i}") }
    before = server.descriptor_count
    30.times { |i| get("/full?fd#{i}") }
    eventually("descriptors leak") { server.descriptor_count <= before + 2 }
  end
end
