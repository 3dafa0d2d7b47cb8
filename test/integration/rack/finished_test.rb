# frozen_string_literal: true

require_relative "rack_case"

# Where and when the end of a response is told: on the thread of its request, so that what the application keeps by
# thread can be given back there, and when the response has left.
class FinishedTest < HyperionTest::RackCase
  serve app("finished"), "-t", "4"

  CLIENTS = 8
  REQUESTS = 50

  # The next so many ends. A request must not wait for them: they may be for the thread that it occupies.
  def ends(count)
    seen = []
    begin
      eventually { (seen += unmarshal(get("/ends"))).size >= count }
    rescue Minitest::Assertion
      flunk "only #{seen.size} of #{count}: #{seen.tally}"
    end
    seen
  end

  def test_G2_callbacks_run_on_the_thread_of_their_request
    CLIENTS.times.map { Thread.new { busy_client } }.each(&:join)
    told = ends(2 * CLIENTS * REQUESTS)
    assert_equal({ ["finished", true] => CLIENTS * REQUESTS, ["reply", true] => CLIENTS * REQUESTS }, told.tally)
  end

  def test_G2_a_lone_client
    REQUESTS.times do
      assert_equal "hello", get("/").body
      assert_equal [["finished", true], ["reply", true]], ends(2)
    end
  end

  def test_G2_a_callback_registered_late_runs_at_the_real_end
    slow = connect.request("GET", "/late", "connection" => "close")
    read_until(slow, /begun/)
    assert_equal "true", get("/closed").body
    assert_empty unmarshal(get("/ends"))
    slow.read_to_end
    assert_equal [["late", true]], ends(1)
  end

  def test_G2_a_client_that_leaves_ends_it_too
    slow = connect.request("GET", "/late")
    read_until(slow, /begun/)
    slow.abort
    assert_equal [["late", true]], ends(1)
  end

  def test_G2_a_callback_that_ends_its_thread_does_so_behind_the_others
    assert_equal "hello", get("/kill").body
    assert_equal [["finished", true], ["reply", true]], ends(2)
    server.wait_for_log(/died and is replaced/)
  end

  OPEN = 20

  def test_G2_a_stop_tells_the_ends_of_what_it_cuts = assert_cut_ends_are_told

  # Those of its thread are told by another.
  def test_G2_a_stop_tells_them_though_a_request_hangs
    assert_cut_ends_are_told do |app|
      connect(app).request("GET", "/hang")
      app.wait_for_log(/hangs/)
    end
  end

  private

  def assert_cut_ends_are_told
    app = boot(self.class.app("finished"), "-t", "2", "--graceful-timeout", "1")
    OPEN.times { read_until(connect(app).request("GET", "/open"), /begun/) }
    yield app if block_given?
    app.stop
    assert_equal OPEN, app.log.scan("the end: Hyperion::ClientDisconnected").size
  end

  def busy_client
    client = connect
    REQUESTS.times { assert_equal "hello", client.request("GET", "/").response.body }
    client.close
  end
end
