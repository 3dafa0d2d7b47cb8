# frozen_string_literal: true

require_relative "rack_case"

# A Ruby thread that waits for a client or for a child can be interrupted, and holds up nobody else.
class WaitingTest < HyperionTest::RackCase
  serve app("waiting"), "-t", "2"

  def test_reading_a_body_that_does_not_come_can_be_interrupted
    client = connect.request("POST", "/read", "expect" => "100-continue", "content-length" => "100000")
    response = client.response
    assert_equal [200, "timed out"], [response.status, response.body]
    assert_ended client
  end

  def test_writing_to_a_client_that_does_not_read_can_be_interrupted
    client = connect(receive_buffer: 4096).request("GET", "/write")
    assert_equal "timed out", get("/result").body
    client.abort
  end

  def test_others_are_served_while_a_client_does_not_read
    client = connect(receive_buffer: 4096).request("GET", "/write")
    10.times { assert_operator elapsed { assert_equal "ok", get("/ok").body }, :<, 0.3 }
    client.abort
    get("/result")
  end

  def test_a_stuck_reader_cannot_hold_up_the_end
    stuck = boot(self.class.app("waiting"), "--graceful-timeout", "1")
    client = connect(stuck, receive_buffer: 4096).request("GET", "/each")
    assert client.silent?(0.2) || client.read_some
    took = elapsed { stuck.stop(:TERM) }
    assert_operator took, :<, 5
    assert_empty stuck.pids
  end

  def test_a_client_that_leaves_frees_the_thread
    2.times { connect(receive_buffer: 4096).request("GET", "/each").tap(&:read_some).abort }
    assert_equal "ok", get("/ok").body
  end

  def test_children_of_the_app_belong_to_the_app
    [server, boot(self.class.app("waiting"), "-w", "2")].each do |each_mode|
      5.times do
        assert_equal "from the shell\ntrue", get("/shell", to: each_mode).body
        assert_equal "3", get("/wait", to: each_mode).body
      end
      assert each_mode.alive?
    end
  end
end
