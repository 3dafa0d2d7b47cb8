# frozen_string_literal: true

module HyperionTest
  # What holds for an application that takes its connection, whether it gets the client's socket or, behind TLS, one
  # that the engine carries the bytes of. Needs `dial`, a new client of RawClient's kind, `ask`, which gives the response
  # to a path, both with the server as `to`, and `boot_app`, another server of the same kind.
  module HijackCases
    LARGE = "x" * 3_000_000
    MANY = 50

    def test_the_server_says_that_it_can = assert_equal("true", ask("/flag").body)

    def test_a_full_hijack_answers_by_hand
      response = ask("/full?hand")
      assert_equal [200, "hijacked true true"], [response.status, response.body]
      assert_nil response["date"], "nothing of the server in it"
      assert_equal "true", ask("/report?hand").body
    end

    def test_the_end_belongs_to_the_app
      client = dial.request("GET", "/full?end")
      client.response
      assert_ended client
    end

    def test_a_hijacked_connection_lives_on_behind_the_call
      client = upgrade
      10.times do |i|
        client.write("number #{i}\n")
        assert_equal "echo number #{i}\n", read_until(client, /\n/)
        assert_equal 404, ask("/other").status if (i % 3).zero?
      end
      client.write("bye\n")
      assert_equal "goodbye\n", client.read_to_end
    end

    def test_bytes_behind_the_request_reach_the_hijacker
      request = "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\nearly one\nearly two\nbye\n"
      assert_match(/\r\n\r\necho early one\necho early two\ngoodbye\n\z/, dial.write(request).read_to_end)
    end

    def test_bytes_behind_a_request_with_a_body_reach_the_hijacker
      request = "POST /echo HTTP/1.1\r\nHost: a\r\nUpgrade: lines\r\nContent-Length: 4\r\n\r\nbodyafter\nbye\n"
      assert_match(/\r\n\r\necho after\ngoodbye\n\z/, dial.write(request).read_to_end)
    end

    def test_a_client_that_sends_no_more_is_heard_and_answered
      client = upgrade
      client.write("last\n").close_write
      assert_equal "echo last\ngoodbye\n", client.read_to_end
    end

    def test_much_goes_both_ways_at_once
      client = upgrade
      writer = Thread.new { client.write("#{LARGE}\nbye\n", timeout: 30) }
      assert_equal "echo #{LARGE}\ngoodbye\n", client.read_to_end(timeout: 30)
      writer.join
    end

    def test_a_kept_socket_is_not_touched_by_the_server
      client = dial.request("GET", "/keep?socket")
      read_until(client, /kept\n/)
      40.times { ask("/flag") }
      assert client.silent?(0.3), "neither bytes nor the end"
      assert_equal "done", ask("/poke?socket").body
      assert_equal "poked\n", client.read_to_end
    end

    def test_what_the_application_does_not_read_takes_nothing_from_its_answer
      client = dial.write("GET /full?unread HTTP/1.1\r\nHost: a\r\n\r\n#{"unread" * 100}")
      assert_match(/hijacked true true\z/, client.read_to_end)
      refute_predicate client, :reset?
    end

    def test_an_application_that_reads_no_more_goes_on_writing
      client = dial.request("GET", "/deaf?deaf")
      read_until(client, /deaf\n/)
      client.write("unheard")
      10.times { ask("/flag") }
      ask("/open?deaf")
      assert_match(/\Astill here\n/, read_until(client, /here\n/))
    end

    def test_a_forked_child_goes_on_with_the_connection
      client = dial.request("GET", "/child")
      client.write("question\n")
      assert_equal "answer of a child to question\n", client.response.body
      assert_ended client
      assert_equal 404, ask("/other").status
    end

    def test_a_child_that_lives_on_does_not_hold_what_the_application_shuts
      client = dial.request("GET", "/shut")
      assert_equal "shut", client.response.body
      assert_ended client
    end

    def test_non_blocking_reads_and_writes
      client = dial.request("GET", "/nonblock")
      read_until(client, /ready\n/)
      client.write("late")
      assert_equal "[:wait_readable, \"late\"]\n", client.read_to_end
    end

    def test_a_body_that_the_client_holds_back_never_comes_behind_a_hijack
      client = dial.request("POST", "/body", "expect" => "100-continue", "content-length" => "5")
      assert_equal "closed stream", client.response.body
      assert_equal "12345", dial.request("POST", "/body", body: "12345").response.body
    end

    %w[raise exit].each do |ending|
      define_method("test_#{ending}_behind_a_hijack_adds_nothing") do
        client = dial.request("GET", "/#{ending}")
        read_until(client, /mine/)
        assert client.silent?(0.3) || client.ended?, "no second response"
        assert_equal 404, ask("/other").status
      end
    end

    def test_a_client_that_leaves_ends_it_for_the_application
      ask("/full?warm")
      before = server.descriptor_count
      10.times { upgrade.abort }
      eventually("sockets of clients that have left stay open") { server.descriptor_count <= before }
    end

    def test_hijacks_leave_no_descriptors_behind
      3.times { |i| ask("/full?warm#{i}") }
      before = server.descriptor_count
      30.times { |i| ask("/full?fd#{i}") }
      eventually("descriptors leak") { server.descriptor_count <= before + 2 }
    end

    def test_the_end_of_the_server_does_not_wait_for_them
      app = boot_app("--graceful-timeout", "20")
      clients = Array.new(MANY) { upgrade(to: app) }
      took = elapsed { app.stop(:TERM) }
      assert_operator took, :<, 5
      clients.each { |client| assert_ended client }
    end

    private

    # A connection whose lines are echoed.
    def upgrade(**where)
      client = dial(**where).request("GET", "/echo", "connection" => "upgrade", "upgrade" => "lines")
      head = client.response_head
      assert_equal [101, "lines"], [head.status, head["upgrade"]]
      client
    end
  end
end
