# frozen_string_literal: true

require_relative "rack_case"

# A Ruby thread that waits for a client or for a child can be interrupted, and holds up nobody else.
class WaitingTest < HyperionTest::RackCase
  serve app("waiting"), "-t", "2"

  def test_waiting_for_a_body_can_be_interrupted
    client = connect.request("POST", "/read", "expect" => "100-continue", "content-length" => "100000")
    response = client.response
    assert_equal [200, "timed out"], [response.status, response.body]
    client.write("x" * 100_000).request("GET", "/ok", "connection" => "close")
    assert_match(/\A(HTTP\/1\.1 200 .*\r\n\r\nok)?\z/m, client.read_to_end, "the late body is not taken for a request")
  end

  def test_waiting_in_a_tunnel_can_be_interrupted
    client = connect.request("GET", "/tunnel", "connection" => "upgrade", "upgrade" => "silence")
    assert_match(%r{\AHTTP/1\.1 101 .*\r\n\r\ntimed out\z}m, client.read_to_end)
  end

  def test_a_client_that_does_not_read_holds_neither_a_thread_nor_memory
    get("/ok")
    clients = Array.new(2) { connect(receive_buffer: 4096).request("GET", "/write") }
    clients.each { assert_equal "written", get("/result").body }
    10.times { assert_operator elapsed { assert_equal "ok", get("/ok").body }, :<, 0.5 }
    assert_operator server.rss_kb, :<, 250_000, "400 MB wait for their readers elsewhere"
    clients.each(&:abort)
    eventually("files of the responses stay open") { open_files.empty? }
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

  private

  # Temporary files that the server has open.
  def open_files
    Dir["/proc/#{server.pid}/fd/*"].filter_map { |fd| File.readlink(fd) rescue nil }.grep(/memfd|\(deleted\)/)
  end
end
