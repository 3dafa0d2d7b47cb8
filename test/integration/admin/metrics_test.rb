# frozen_string_literal: true

require_relative "admin_case"

# What a scrape shows, read by a real parser, and that each request counts once whoever answers it.
class MetricsTest < HyperionTest::AdminCase
  TYPES = {
    "hyperion_requests_dispatch" => ["counter", %w[worker_id]], "hyperion_dispatch_mode" => ["counter", %w[driver mode]],
    "hyperion_request_duration_seconds" => ["histogram", %w[le method path status]],
    "hyperion_responses_status" => ["counter", %w[status]], "hyperion_connections_active" => ["gauge", []],
    "hyperion_connections_accepted" => ["counter", []], "hyperion_connections_passed" => ["counter", []],
    "hyperion_requests_passed" => ["counter", []], "hyperion_bytes_read" => ["counter", []],
    "hyperion_bytes_written" => ["counter", []], "hyperion_rejections" => ["counter", %w[reason]],
    "hyperion_per_conn_rejections" => ["counter", %w[worker_id]], "hyperion_threadpool_queue_depth" => ["gauge", %w[worker_id]], "hyperion_spooled_bytes" => ["gauge", []],
    "hyperion_executors_busy" => ["gauge", %w[worker_id]], "hyperion_queue_seconds" => ["histogram", %w[le]],
    "hyperion_io_uring_workers_active" => ["gauge", %w[worker_id]], "hyperion_worker_restarts" => ["counter", %w[reason]], "hyperion_worker_stalls" => ["counter", []],
    "hyperion_process_resident_memory_bytes" => ["gauge", %w[worker_id]], "hyperion_engine_panics" => ["counter", []], "hyperion_fiber_holds" => ["counter", []],
    "hyperion_log_lines_dropped" => ["counter", []], "hyperion_requests" => ["counter", []],
    "hyperion_requests_cancelled" => ["counter", []], "hyperion_underscore_headers_dropped" => ["counter", []]
  }.freeze

  def test_families_have_their_types_labels_and_help_in_both_formats
    ["/", "/static"].each { |path| get(path) }
    connect.write("nonsense\r\n\r\n").response
    %w[prometheus openmetrics].each do |format|
      found = families(format)
      assert_equal TYPES.keys.sort, found.keys.sort, format
      found.each_value do |family|
        type, labels = TYPES.fetch(family.name)
        assert_equal type, family.type, family.name
        assert_match(/\A[A-Z1].+\.\z/, family.help, family.name)
        assert_equal labels, family.samples.flat_map { |_, have, _| have.keys }.uniq.sort, family.name unless family.samples.empty?
      end
    end
  end

  def test_the_format_is_that_of_accept
    assert_equal "text/plain; version=0.0.4; charset=utf-8", ask("metrics")["content-type"]
    assert_match(%r{\Aapplication/openmetrics-text; version=1\.0\.0}, ask("metrics", "accept" => OPENMETRICS)["content-type"])
    assert_match(%r{\Atext/plain}, ask("metrics", "accept" => "text/plain, #{OPENMETRICS};q=0.5")["content-type"])
  end

  def test_the_buckets_of_a_duration
    get("/static")
    bounds = samples("hyperion_request_duration_seconds_bucket").keys.filter_map { |labels| labels["le"] if labels["path"] == "/static" }
    assert_equal %w[0.001 0.005 0.025 0.1 0.5 2.5 10 +Inf], bounds
  end

  def test_W12_every_request_has_the_address_of_its_peer_in_a_cluster
    cluster = boot(KINDS, "-w", "2", "--admin-token", TOKEN, "-b", "127.0.0.1", bind: false, env: { "PORT" => "0" })
    peers = Array.new(20) do
      socket = Socket.tcp("127.0.0.1", cluster.port, "127.0.0.9", 0)
      socket.write("GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      socket.read[/[^\n]+\z/].tap { socket.close }
    end
    assert_equal ["127.0.0.9"], peers.uniq
    socket = Socket.tcp("127.0.0.1", cluster.port, "127.0.0.1", 0)
    socket.write("GET /-/metrics HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n\r\n")
    assert_match(%r{\AHTTP/1\.1 401}, socket.read, "a local client needs the token as any other")
    socket.close
  end

  def test_W20_parts_of_paths_that_are_numbers_or_uuids_have_one_name
    uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    client = connect
    ["/users/1/posts/2", "/users/31/posts/44", "/x/#{uuid}/y", "/x/#{uuid.upcase}/y", "/v1/a1"].each { |path| client.get(path) }
    counts = samples("hyperion_request_duration_seconds_count").transform_keys { |labels| labels["path"] }
    assert_equal [2, 2, 1], counts.values_at("/users/:id/posts/:id", "/x/:uuid/y", "/v1/a1")
    refute_match(/#{uuid}/i, ask("metrics").body)
  end

  def test_W20_paths_without_end_make_no_series_without_end
    bounded = boot(KINDS, "--no-log-requests", "--admin-token", TOKEN)
    client = connect(bounded)
    client.get("/known")
    ask_for_paths(client, 100_000)
    assert_equal 200, client.request("BREW", "/known").response.status
    assert_equal 200, client.get("/known").status
    counts = samples("hyperion_request_duration_seconds_count", to: bounded)
    assert_operator counts.size, :<=, 512
    assert_equal 100_003, counts.reject { |labels, _| labels["path"] == "/-/metrics" }.values.sum
    assert_equal 2, counts[{ "method" => "GET", "path" => "/known", "status" => "200" }]
    assert_operator counts[{ "method" => "GET", "path" => "other", "status" => "200" }], :>, 99_000
    assert_equal %w[GET OTHER], counts.keys.map { |labels| labels["method"] }.uniq.sort
    assert_operator ask("metrics", to: bounded).body.bytesize, :<, 1 << 20
  end

  def test_W20_a_label_cannot_be_broken_out_of
    client = connect
    ['/a"b', "/a\\b", "/%0ahyperion_requests_total%20666", "/caf%C3%A9", "/\xff\xfe".b].each { |path| client.get(path) }
    %w[prometheus openmetrics].each { |format| assert_equal TYPES.keys.sort, families(format).keys.sort }
    assert_includes samples("hyperion_request_duration_seconds_count").keys.map { |labels| labels["path"] }, '/a"b'
  end

  def test_rejections_by_reason
    before = total("hyperion_rejections_total")
    assert_equal 400, connect.write("GET / HTTP/1.1\r\n\r\n").response.status
    assert_equal before + 1, total("hyperion_rejections_total")
  end

  def test_a_full_queue_is_a_rejection_and_no_dispatch
    full = boot(KINDS, "-t", "1", "--max-pending", "1", "--admin-token", TOKEN)
    2.times { |index| connect(full).request("GET", "/sleep?30") && eventually { total("hyperion_dispatch_mode_total", to: full, mode: "rack") == index + 1 } }
    before = total("hyperion_dispatch_mode_total", to: full, mode: "rack")
    assert_equal 503, get("/", to: full).status
    assert_equal [before, 1], [total("hyperion_dispatch_mode_total", to: full, mode: "rack"), total("hyperion_rejections_total", to: full, reason: "queue_full")]
    full.signal(:KILL)
  end

  def test_bytes_and_connections
    counting = boot(KINDS, "--admin-token", TOKEN)
    before = scrape(to: counting)
    client = connect(counting)
    request = "GET /static HTTP/1.1\r\nHost: a\r\n\r\n"
    assert_equal 200, client.write(request).response.status
    after = scrape(to: counting)
    assert_equal 2, after["hyperion_connections_accepted_total"].values.sum - before["hyperion_connections_accepted_total"].values.sum, "this one and that of the scrape"
    assert_equal 2, after["hyperion_connections_active"].values.sum
    assert_operator after["hyperion_bytes_read_total"].values.sum - before["hyperion_bytes_read_total"].values.sum, :>, request.bytesize
    assert_operator after["hyperion_bytes_written_total"].values.sum - before["hyperion_bytes_written_total"].values.sum, :>, before["hyperion_bytes_written_total"].values.sum
    eventually { total("hyperion_connections_active", to: counting) == 2 && (client.close || true) }
    eventually("a closed connection is still counted") { total("hyperion_connections_active", to: counting) == 1 }
  end

  private

  # So many that differ, a hundred at a time.
  def ask_for_paths(client, count)
    count.times.each_slice(100) do |some|
      client.write(some.map { |number| "GET /p#{number.to_s(36)}x HTTP/1.1\r\nHost: a\r\n\r\n" }.join)
      some.each { client.response }
    end
  end
end
