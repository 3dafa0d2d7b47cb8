# frozen_string_literal: true

require_relative "http2_case"

# Each bound has an effect, and what is beyond it costs the rest of the connection nothing.
class Http2LimitsTest < HyperionTest::Http2Case
  include HyperionTest::Frames

  speak APP, "-t", "1"

  def test_a_head_that_is_too_large
    booted = boot_h2(APP, "--max-header-bytes", "4096")
    client = h2(booted)
    response = client.get("/ignore", "x-large" => "l" * 5000)
    assert_equal 431, response.status
    assert_equal "ignored", client.get("/ignore", "x-large" => "l" * 3000).body
    assert_equal 1, rejections("head_too_large", booted)
  end

  def test_a_head_with_too_many_fields
    client = h2
    assert_equal 431, client.get("/ignore", (0...1200).to_h { |i| ["x-#{i}", "v"] }).status
    assert_equal "ignored", client.get("/ignore").body
  end

  def test_a_path_that_is_too_long
    client = h2
    assert_equal 414, client.get("/#{"p" * 40_000}").status
    assert_equal "ignored", client.get("/ignore").body
  end

  def test_streams_above_max_pending
    booted = boot_h2(APP, "-t", "1", "--max-pending", "2")
    client = h2(booted)
    first = client.request("GET", "/wait?pending")
    eventually { busy(booted) == 1 }
    waiting = Array.new(2) { client.request("GET", "/open?pending") }
    eventually { metrics(booted)[/^hyperion_threadpool_queue_depth\{.*\} (\d+)/, 1] == "2" }
    refused = client.get("/ignore")
    assert_equal [503, true], [refused.status, !refused["retry-after"].nil?]
    client.reset(first)
    refute client.so_far(waiting.first).ended, "the thread waits for what nobody opens"
  end

  def test_a_body_that_stops
    booted = boot_h2(APP, "-t", "1", "--read-timeout", "1")
    client = h2(booted)
    stream = client.request("POST", "/digest", { "content-length" => "10" }, end: false)
    client.data(stream, "half")
    assert_equal 408, client.response(stream).status
    assert_equal "ignored", client.get("/ignore").body
    assert_equal 1, rejections("body_timeout", booted)
  end

  def test_a_body_that_stops_while_it_is_read
    booted = boot_h2(APP, "-t", "1", "--read-timeout", "1", "--stream-request-bodies")
    client = h2(booted)
    stream = client.request("POST", "/read?stops", end: false)
    client.data(stream, "half")
    response = client.response(stream)
    assert response.status == 408 || response.reset, response.to_s
    assert_equal "ignored", client.get("/ignore").body
    await_note(client, "stops Hyperion::ClientDisconnected")
  end

  def test_a_frame_that_stops
    booted = boot_h2(APP, "--read-timeout", "1")
    client = peer(booted).write(headers(1, block(path: "/ignore"))[0, 20])
    assert_includes client.frames_to_end(timeout: 15).map(&:type), :goaway
    assert_equal 1, rejections("head_timeout", booted)
  end

  def test_a_connection_that_rests
    booted = boot_h2(APP, "--idle-keepalive", "1")
    client = h2(booted)
    assert_equal 200, client.get("/ignore").status
    assert_equal 0, client.await("ConnectionTerminated")["code"]
  end

  def test_a_reader_that_rests_does_not_end_the_others
    booted = boot_h2(APP, "-t", "2", "--write-timeout", "1")
    client = h2(booted, settings: { initial_window_size: 10 })
    client.hold(1)
    stalled = client.request("GET", "/pattern?100000")
    assert_equal 8, client.response(stalled).reset
    assert_equal "ignored", client.get("/ignore").body
    assert_equal 1, rejections("h2_stalled_stream", booted)
  end

  def test_scheme_and_upgrade_are_not_believed
    client = h2
    assert_equal ["http", nil], client.get("/env", ":scheme" => "https").json.values_at("rack.url_scheme", "HTTPS")
    assert_match(%r{\AHTTP/1\.1 200}, curl("--include", "--http2", server.url("/ignore")))
  end

  def test_reasons_of_what_ends_a_connection
    booted = boot_h2(APP)
    { "h2_flood" => ping * 5000, "h2_protocol_error" => data(1, "x") }.each do |reason, bytes|
      peer(booted).write(bytes).frames_to_end
      assert_equal 1, rejections(reason, booted), reason
    end
  end
end
