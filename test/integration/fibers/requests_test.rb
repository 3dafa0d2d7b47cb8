# frozen_string_literal: true

require "support/integration"

# Requests in fibers: one thread, so that whatever blocks it stops them all.
class FiberRequestsTest < HyperionTest::IntegrationCase
  APP = "test/integration/fibers/apps/waiting.ru"
  ONE_THREAD = %w[--async-io -t 1].freeze

  serve APP, *ONE_THREAD

  def test_each_request_has_a_fiber_that_does_not_block
    assert_equal "false", get("/fiber").body
  end

  def test_requests_wait_for_each_other_on_one_thread
    clients = Array.new(50) { connect.request("GET", "/meet/50") }
    clients.each { |client| assert_equal 200, client.response.status }
    assert_equal "hello", get("/").body
  end

  def test_a_thread_without_fibers_would_wait_for_ever
    server = boot(APP, "-t", "1")
    connect(server).request("GET", "/wait")
    second = connect(server).request("GET", "/open/x")
    assert second.silent?(0.5)
  end

  def test_nothing_is_kept_for_the_next_request
    client = connect
    %w[local storage variable].each do |how|
      client.get("/keep/#{how}")
      assert_equal "[]", client.get("/kept").body, how
    end
  end

  def test_time_outs
    assert_equal 500, get("/late").status
  end

  def test_a_reader_that_does_not_read_keeps_nobody_waiting
    slow = connect(receive_buffer: 4096).request("GET", "/stream", "connection" => "close")
    assert_equal 200, slow.response_head.status
    10.times { assert_equal "hello", get("/").body }
    assert_equal 10_000_000, slow.read_to_end.count("x")
    assert_equal "written", get("/seen").body
  end

  def test_a_reader_that_leaves_is_told_of
    slow = connect(receive_buffer: 4096).request("GET", "/stream")
    slow.response_head
    slow.abort
    assert_equal "Hyperion::ClientDisconnected", get("/seen").body
  end

  def test_a_body_that_arrives_slowly_keeps_nobody_waiting
    server = boot(APP, *ONE_THREAD, "--stream-request-bodies")
    slow = connect(server)
    slow.write("POST /body HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc")
    10.times { assert_equal "hello", get("/", to: server).body }
    slow.write("def")
    assert_equal "6", slow.response.body
  end

  def test_a_hijacked_connection_and_a_tunnel
    { "/hijack" => {}, "/tunnel" => { "connection" => "upgrade", "upgrade" => "talk" } }.each do |path, headers|
      client = connect.request("GET", path, **headers)
      assert_equal 101, client.response_head.status
      assert_equal "hello", get("/").body
      client.write("you")
      assert_equal "heard you", client.read_to_end
    end
  end

  def test_processes
    assert_equal "7", get("/fork").body
    assert_equal "parent", get("/return").body
    assert_equal "hello", get("/").body
  end

  def test_what_is_told_of_ends_may_wait
    get("/finish")
    assert_equal "finished", get("/seen").body
  end

  def test_what_a_thread_that_is_ended_has_under_way_is_cut
    server = boot(APP, *ONE_THREAD)
    waiting = Array.new(3) { connect(server).request("GET", "/wait") }
    await_waiting(3, server)
    get("/kill", to: server)
    waiting.each { |client| assert_equal 500, client.response.status }
    assert_equal "hello", get("/", to: server).body
    assert_equal 0, server.stop.exitstatus
  end

  def test_no_more_fibers_than_there_may_be
    server = boot(APP, *ONE_THREAD, "--fibers", "2", "--stream-request-bodies")
    slow = Array.new(2) { connect(server) }
    slow.each { |client| client.write("POST /body HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") }
    third = connect(server).request("GET", "/")
    assert third.silent?(0.2)
    slow.first.write("def")
    assert_equal "6", slow.first.response.body
    assert_equal "hello", third.response.body
  end

  def test_no_more_fibers_than_there_may_be_over_all_threads
    server = boot(APP, "--async-io", "-t", "3", "--fibers", "2", "--stream-request-bodies")
    slow = Array.new(2) { connect(server) }
    slow.each { |client| client.write("POST /body HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") }
    third = connect(server).request("GET", "/")
    assert third.silent?(0.2)
    slow.first.write("def")
    assert_equal "hello", third.response.body
  end

  def test_a_fiber_that_holds_its_thread_is_told_of_and_those_that_wait_are_not
    server = boot(APP, *ONE_THREAD)
    waiting = Array.new(3) { connect(server).request("GET", "/wait") }
    await_waiting(3, server)
    refute_match(/keeps the others/, server.log)
    get("/spin/#{Time.now.to_f + 0.4}", to: server)
    server.wait_for_log(/a fiber keeps the others of its thread waiting.*executor 0.*waiting\.ru/)
    3.times { |number| get("/open/#{number}", to: server) }
    assert_equal %w[0 1 2], waiting.map { |client| client.response.body }.sort
    assert_equal 1, server.log.scan("keeps the others").size
  end

  def test_a_stop_waits_for_requests_in_flight
    server = boot(APP, *ONE_THREAD)
    waiting = connect(server).request("GET", "/meet/2")
    other = connect(server)
    other.get("/")
    server.signal(:TERM)
    server.wait_for_log(/draining/)
    other.request("GET", "/meet/2")
    assert_equal [200, 200], [waiting, other].map { |client| client.response.status }
    assert_equal 0, server.wait.exitstatus
  end

  private

  def await_waiting(count, server)
    eventually { get("/waiting", to: server).body == count.to_s }
  end
end
