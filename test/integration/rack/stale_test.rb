# frozen_string_literal: true

require_relative "rack_case"

# Objects of a request that the app uses when the request is over: harmless, and never on another response.
class StaleTest < HyperionTest::RackCase
  serve app("stale"), "-t", "2", "--early-hints", "on"

  ENDS = %w[IOError nil "" 0].freeze

  # A request that leaves its objects behind, and one on the same connection that is being answered.
  def with_leftovers
    client = connect
    client.post("/keep", "body of the first")
    assert_equal "streamed", client.get("/keep-stream").body
    client
  end

  def test_W28_input_of_a_request_that_is_over
    client = with_leftovers
    3.times do
      response = client.post("/read", "body of the second")
      assert_includes [*ENDS, '"body"'], response.body
      assert_equal 200, response.status
    end
  end

  def test_W28_hints_of_a_request_that_is_over
    response = with_leftovers.get("/hint")
    assert_equal [200, []], [response.status, response.informational]
  end

  def test_W28_hijack_of_a_request_that_is_over
    client = with_leftovers
    assert_equal "IOError", client.get("/hijack").body
    assert_equal "kept", client.get("/keep").body
  end

  def test_W28_stream_of_a_response_that_is_over
    client = with_leftovers
    3.times { assert_equal "IOError", client.get("/write").body }
    assert_equal 200, client.get("/close").status
    assert_equal "kept", client.get("/keep").body
  end

  def test_W28_leftovers_survive_collections
    client = with_leftovers
    3.times { client.get("/collect") }
    assert_equal "/keep", client.get("/path").body
    %w[/read /hint /hijack /write /close].each { |path| assert_equal 200, client.get(path).status, path }
    assert server.alive?
  end

  def test_leftovers_of_a_client_that_has_left
    with_leftovers.abort
    %w[/read /hint /hijack /write /close].each { |path| assert_equal 200, get(path).status, path }
  end

  def test_a_piece_may_be_one_string_used_again
    assert_equal (0..3).map { |i| "piece #{i};" * (i + 1) }.join, get("/reused").body
  end

  def test_pieces_may_come_from_fibers
    assert_equal "fiber 0;fiber 1;fiber 2;inside;", get("/fibers").body
  end

  def test_a_client_that_left_before_dispatch_is_skipped
    narrow = boot(self.class.app("stale"), "-t", "1")
    busy = connect(narrow).request("GET", "/wait")
    assert busy.silent?(0.1)
    leaving = connect(narrow).request("GET", "/count?left")
    assert leaving.silent?(0.1)
    staying = connect(narrow).request("GET", "/count?stayed")
    leaving.abort
    assert staying.silent?(0.2)
    release(narrow)
    assert_equal "waited", busy.response.body
    assert_equal "counted", staying.response.body
    assert_equal "0", get("/counts?left", to: narrow).body
  end

  private

  # The only thread of that server is inside the app, so the gate opens from outside.
  def release(narrow) = narrow.signal(:WINCH)
end
