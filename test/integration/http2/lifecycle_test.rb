# frozen_string_literal: true

require_relative "http2_case"

# The server's life as an HTTP/2 client sees it, and what the operator sees of such clients.
class Http2LifecycleTest < HyperionTest::Http2Case
  include HyperionTest::Frames

  def test_D10_a_stop_finishes_what_has_begun
    booted = boot_h2(APP, "-t", "2", "--admin-bind", "127.0.0.1:0")
    client = peer(booted)
    client.write(headers(1, block(path: "/steps?stop")))
    client.frames_until { |one| one.type == :data && one.payload == "first" }
    booted.signal(:TERM)
    first = client.frames_until { |one| one.type == :goaway }.last
    assert_equal [:no_error, 0x7fff_ffff], [first.code, first.last_stream]
    # Sent before the client could know: it is still answered.
    client.write(headers(3, block(path: "/open?stop")))
    rest = answer_pings(client)
    assert_equal %w[opened second], bodies(rest).values_at(3, 1)
    second = rest.reverse.find { |one| one.type == :goaway }
    assert_equal [:no_error, 3], [second.code, second.last_stream]
    assert_equal 0, booted.wait.exitstatus
  end

  def test_D10_what_comes_behind_the_last_goaway_is_not_begun
    booted = boot_h2(APP, "-t", "2")
    client = peer(booted)
    client.write(headers(1, block(path: "/steps?stop")))
    client.frames_until { |one| one.type == :data && one.payload == "first" }
    booted.signal(:TERM)
    ping = client.frames_until { |one| one.type == :ping }.last
    client.write(frame(:ping, ping.payload, flags: ACK))
    last = client.frames_until { |one| one.type == :goaway && one.last_stream != 0x7fff_ffff }.last
    assert_equal [:no_error, 1], [last.code, last.last_stream]
    client.write(headers(3, block(path: "/open?stop")))
    refute_nil client.silent?(0.5)
    booted.stop(:INT)
    refute_match(%r{"path":"/open"}, booted.log)
  end

  def test_an_idle_connection_does_not_hold_up_a_stop
    booted = boot_h2(APP)
    clients = [h2(booted), h2(booted, secure: true)]
    clients.each { |client| assert_equal 200, client.get("/ignore").status }
    assert_equal 0, booted.stop(:TERM, timeout: 5).exitstatus
    clients.each { |client| assert_equal 0, client.await("ConnectionTerminated")["code"] }
  end

  def test_a_cluster_serves_both
    booted = boot_h2(APP, "-w", "2", "-t", "2")
    clients = Array.new(6) { |i| h2(booted, secure: i.odd?) }
    clients.each { |client| assert_equal "ignored", client.get("/ignore").body }
    assert_match(/10000 succeeded, 0 failed/, run_client("h2load", "-n", 10_000, "-c", 8, "-m", 20, booted.url("/ignore")))
    assert_match(/10000 succeeded, 0 failed/, run_client("h2load", "-n", 10_000, "-c", 8, "-m", 20, secure_url("/ignore", to: booted)))
    assert_equal 0, booted.stop.exitstatus
  end

  def test_nothing_is_left_of_clients_that_leave
    booted = boot_h2(APP, "-t", "3", "--no-log-requests")
    assert_served booted
    before = booted.descriptor_count
    300.times do |i|
      client = peer(booted, settings: i.odd? ? { 4 => 0 } : {})
      client.write(headers(1, block(path: "/pieces?200")) + headers(3, block(path: "/ignore")) + headers(5, block(path: "/digest", method: "POST"), ended: false))
      client.frames_until { |one| one.type == :headers }
      i % 3 == 0 ? client.close : client.abort
    end
    assert_free booted
    eventually { booted.descriptor_count <= before }
    memory = booted.rss_kb
    300.times { peer(booted).write(headers(1, block(path: "/pieces?200"))).tap { |client| client.frames_until { |one| one.type == :data } }.abort }
    assert_free booted
    assert_operator booted.rss_kb - memory, :<, 20_000
  end

  def test_the_log_has_a_line_of_each_stream
    booted = boot_h2(APP, "--log-format", "json")
    client = h2(booted)
    streams = [client.request("GET", "/pattern?1000"), client.request("GET", "/native"), client.request("GET", "/missing")]
    streams.each { |stream| client.response(stream) }
    booted.wait_for_log(%r{"path":"/missing".*\n})
    lines = eventually { booted.log.lines.grep(/"source":"access"/).then { |found| found if found.size == 3 } }.map { |line| JSON.parse(line) }
    pattern = lines.find { |line| line["path"] == "/pattern" }
    assert_equal ["GET", "1000", 200, 1000, "127.0.0.1", "2"], pattern.values_at("method", "query", "status", "bytes", "remote_addr", "http_version")
    assert_equal %w[2 2 2], lines.map { |line| line["http_version"] }
    assert_equal [200, 200, 404], lines.map { |line| line["status"] }.sort
  end

  def test_the_log_has_a_line_of_what_was_refused
    booted = boot_h2(APP, "--max-body-bytes", "10", "--log-format", "json")
    assert_equal 413, h2(booted).post("/digest", "x" * 100, { "content-length" => "100" }).status
    line = JSON.parse(booted.wait_for_log(/^\{.*"status":413.*$/)[0])
    assert_equal ["2", "127.0.0.1"], line.values_at("http_version", "remote_addr")
  end

  def test_every_stream_is_counted
    booted = boot_h2(APP)
    client = h2(booted)
    10.times { client.get("/ignore") }
    5.times { client.get("/native") }
    of_path = ->(path) { %(hyperion_request_duration_seconds_count{method="GET",path="#{path}",status="200"}) }
    eventually { metric(of_path["/ignore"], booted) == 10 && metric(of_path["/native"], booted) == 5 }
    # This page is dispatched, too, and has ended when the next one is made.
    page = metrics(booted)
    dispatched = page[/^hyperion_requests_dispatch_total\{worker_id="#{booted.pid}"\} (\d+)/, 1].to_i
    assert_equal dispatched, page[/^hyperion_responses_status_total\{status="200"\} (\d+)/, 1].to_i
    assert_operator dispatched, :>=, 15
  end

  def test_the_pages_of_the_admin
    [h2, h2(secure: true)].each do |client|
      assert_equal 200, client.get("/-/health").status
      assert_equal 401, client.get("/-/metrics").status
      page = client.get("/-/metrics", "x-hyperion-admin-token" => TOKEN)
      assert_equal [200, true], [page.status, page.body.include?("hyperion_requests_dispatch_total")]
    end
  end

  def test_quitting_over_http2
    booted = boot_h2(APP)
    output = curl("--http2-prior-knowledge", "--request", "POST", "--header", "x-hyperion-admin-token: #{TOKEN}",
      "--write-out", " %{http_version} %{http_code}", booted.url("/-/quit"))
    assert_equal "stopping 2 202", output
    assert_equal 0, booted.wait.exitstatus
  end

  private

  # All frames up to the end, with the pings answered as they come.
  def answer_pings(client)
    found = []
    loop do
      found.concat(client.frames_until { |one| one.type == :ping && !one.ack? })
      client.write(frame(:ping, found.last.payload, flags: ACK))
    end
  rescue HyperionTest::RawClient::Ended => e
    found + e.partial
  end

  def bodies(frames)
    frames.select { |one| one.type == :data }.group_by(&:stream).transform_values { |list| list.map(&:payload).join }
  end
end
