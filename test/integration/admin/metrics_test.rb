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
    "hyperion_per_conn_rejections" => ["counter", %w[worker_id]], "hyperion_threadpool_queue_depth" => ["gauge", %w[worker_id]],
    "hyperion_executors_busy" => ["gauge", %w[worker_id]], "hyperion_queue_seconds" => ["histogram", %w[le]],
    "hyperion_io_uring_workers_active" => ["gauge", %w[worker_id]], "hyperion_worker_restarts" => ["counter", %w[reason]],
    "hyperion_process_resident_memory_bytes" => ["gauge", %w[worker_id]], "hyperion_engine_panics" => ["counter", []],
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

  [[], %w[-w 3], %w[--no-native-routes], %w[--io io_uring], %w[-w 3 --io io_uring --worker-model share]].each do |flags|
    define_method("test_each_request_counts_once#{flags.join("_").tr("-", "_")}") do
      counting = boot(KINDS, *flags, "--admin-token", TOKEN)
      before = modes(to: counting)
      { "/" => 40, "/block" => 30, "/static" => 20, "/files/kinds.ru" => 10 }.each do |path, count|
        count.times { |index| assert_equal 200, get(index.zero? ? "#{path}?q" : path, to: counting).status }
      end
      after = modes(to: counting)
      grown = after.to_h { |mode, count| [mode, count - before[mode]] }
      # A scrape is a request, too: the first one has not counted itself.
      assert_equal({ "rack" => 40, "block" => 30, "native" => 21, "file" => 10 }, grown)
      scrape = families(to: counting)
      by_process, by_mode = %w[hyperion_requests_dispatch hyperion_dispatch_mode].map { |name| scrape[name].samples.sum(&:last) }
      assert_equal by_process, by_mode
      expected = { "/" => 40, "/block" => 30, "/static" => 20, "/files/*" => 10 }
      eventually("responses are missing") { responses(counting).slice(*expected.keys) == expected }
    end
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

  def test_what_a_killed_worker_counted_stays_and_its_present_goes
    cluster = boot(KINDS, "-w", "2", "--admin-token", TOKEN)
    100.times { get("/", to: cluster) }
    victim = cluster.worker_pids.first
    counted = total("hyperion_requests_dispatch_total", to: cluster, worker_id: victim.to_s)
    assert_operator counted, :>, 0
    Process.kill(:KILL, victim)
    eventually { cluster.worker_pids.size == 2 && !cluster.worker_pids.include?(victim) }
    cluster.wait_for_log(/worker restarted/)
    assert_includes counted..(counted + 1), total("hyperion_requests_dispatch_total", to: cluster, worker_id: victim.to_s), "the scrape before was a request, too"
    assert_equal 100, modes(to: cluster)["rack"]
    eventually("the new one is not shown") { samples("hyperion_executors_busy", to: cluster).keys.map { |labels| labels["worker_id"].to_i }.sort == cluster.worker_pids.sort }
    refute_includes samples("hyperion_process_resident_memory_bytes", to: cluster).keys.map { |labels| labels["worker_id"] }, victim.to_s
    assert_equal 1, total("hyperion_worker_restarts_total", to: cluster, reason: "signal")
  end

  def test_W20_paths_are_templates_and_their_number_is_bounded
    uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    bounded = boot(KINDS, "--admin-token", TOKEN)
    client = connect(bounded)
    ["/users/1/posts/2", "/users/31/posts/44", "/files/a/#{uuid}", "/x/#{uuid}/y"].each { |path| client.get(path) }
    paths = -> { samples("hyperion_request_duration_seconds_count", to: bounded).keys.map { |labels| labels["path"] } }
    assert_empty ["/users/:id/posts/:id", "/x/:uuid/y"] - paths.call
    4000.times { |index| client.get("/p#{index.to_s(36)}x") }
    client.request("BREW", "/a").response
    assert_includes paths.call, "other"
    assert_operator ask("metrics", to: bounded).body.scan(/^hyperion_request_duration_seconds_count/).size, :<=, 512
    labels = samples("hyperion_request_duration_seconds_count", to: bounded).keys
    assert_includes labels.map { |one| one["method"] }, "OTHER"
  end

  def test_it_is_there_while_every_executor_hangs
    hung = boot(KINDS, "-t", "1", "--admin-token", TOKEN)
    3.times { connect(hung).request("GET", "/sleep?20") }
    eventually { stats(to: hung)["workers"].first["queue_depth"] == 2 }
    assert_equal 1, samples("hyperion_executors_busy", to: hung).values.sum
    assert_equal 2, samples("hyperion_threadpool_queue_depth", to: hung).values.sum
    assert_equal [200, 200], %w[/-/health /-/ready].map { |page| get(page, to: hung).status }
    hung.signal(:KILL)
  end

  def test_rejections_by_reason
    before = total("hyperion_rejections_total")
    assert_equal 400, connect.write("GET / HTTP/1.1\r\n\r\n").response.status
    assert_equal before + 1, total("hyperion_rejections_total")
  end

  private

  # Responses so far, by path.
  def responses(to)
    counts = samples("hyperion_request_duration_seconds_count", to: to)
    counts.group_by { |labels, _| labels["path"] }.transform_values { |all| all.sum(&:last) }
  end
end
