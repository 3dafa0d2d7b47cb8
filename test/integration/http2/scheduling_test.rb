# frozen_string_literal: true

require_relative "http2_case"

# Streams are jobs like any other.
class Http2SchedulingTest < HyperionTest::Http2Case
  include HyperionTest::Frames

  speak APP, "-t", "2"

  def test_a_slow_stream_holds_up_no_other
    client = h2
    slow = client.request("GET", "/wait?slow")
    await_note(client, "begun slow")
    assert_equal ["ignored"] * 20, Array.new(20) { client.request("GET", "/ignore") }.map { |stream| client.response(stream).body }
    refute client.so_far(slow).ended
    assert_equal 200, client.get("/open?slow").status
    assert_equal "waited", client.response(slow).body
  end

  def test_one_thread_serves_one_at_a_time
    booted = boot_h2(APP, "-t", "1")
    client = h2(booted)
    first = client.request("GET", "/wait?one")
    eventually { busy(booted) == 1 }
    others = Array.new(5) { client.request("GET", "/ignore") }
    assert_equal "by the engine\n", client.get("/native").body, "the engine needs no thread"
    assert(others.none? { |stream| client.so_far(stream).status })
    client.reset(first)
    refute client.so_far(others.first).status, "the thread still waits"
    assert_equal 1, busy(booted)
  end

  def test_more_streams_than_threads_are_all_served
    client = h2
    streams = Array.new(100) { |i| client.request("GET", "/pattern?#{i * 100}") }
    assert_equal((0...100).map { |i| i * 100 }, streams.map { |stream| client.response(stream).body.bytesize })
  end

  def test_streams_above_the_most_are_refused_to_be_sent_again
    booted = boot_h2(APP, "-t", "1", "--h2-max-concurrent-streams", "4")
    peer = peer(booted)
    peer.write((0...5).map { |i| headers(1 + 2 * i, block(path: "/wait?most")) }.join)
    assert_equal :refused_stream, peer.await_stream(9).code
  end

  def test_the_total_of_a_connection_ends_it_without_loss
    booted = boot_h2(APP, "-t", "1", "--h2-max-total-streams", "10")
    output = run_client("h2load", "-n", 10, "-c", 1, "-m", 1, booted.url("/ignore"))
    assert_match(/10 succeeded, 0 failed/, output)
    peer = peer(booted)
    peer.write((0...10).map { |i| headers(1 + 2 * i, block(path: "/ignore")) }.join)
    frames = peer.frames_to_end
    assert_equal((0...10).map { |i| 1 + 2 * i }, frames.select { |one| one.type == :data && one.ended? }.map(&:stream).sort)
    ends = frames.select { |one| one.type == :goaway }
    assert_equal [[:no_error, 0x7fff_ffff], [:no_error, 19]], ends.map { |one| [one.code, one.last_stream] }.uniq
  end

  def test_no_total_is_the_default
    output = run_client("h2load", "-n", 5000, "-c", 1, "-m", 100, server.url("/native"))
    assert_match(/5000 succeeded, 0 failed/, output)
  end
end
