# frozen_string_literal: true

require_relative "admin_case"
require_relative "../http2/frames"
require "socket"

# Each family that docs/metrics.md names moves when it should.
class MovingMetricsTest < HyperionTest::AdminCase
  include HyperionTest::Frames

  LINES = "test/integration/logs/apps/lines.ru"
  FAMILIES = File.read("#{ROOT}/docs/metrics.md").scan(/^\| (`hyperion_[^|]+) \|/).flatten.flat_map { |names| names.scan(/hyperion_\w+/) }.freeze

  # Only a fault of the server moves them, which nobody can cause from outside: who does so inside.
  INSIDE = { "hyperion_engine_panics_total" => "crates/engine/tests/panics.rs" }.freeze

  # What makes a family move: the flags of a server, and what happens to it. Gauges are looked at meanwhile.
  CASES = {
    "hyperion_requests_dispatch_total" => [[], -> { asked }],
    "hyperion_dispatch_mode_total" => [[], -> { asked }],
    "hyperion_requests_total" => [[], -> { asked }],
    "hyperion_responses_status_total" => [[], -> { asked }],
    "hyperion_request_duration_seconds" => [[], -> { asked }],
    "hyperion_queue_seconds" => [[], -> { asked }],
    "hyperion_bytes_read_total" => [[], -> { asked }],
    "hyperion_bytes_written_total" => [[], -> { asked }],
    "hyperion_connections_accepted_total" => [[], -> { asked }],
    "hyperion_connections_active" => [[], -> { connect(@moving).get("/") }],
    "hyperion_process_resident_memory_bytes" => [[], -> { asked }],
    "hyperion_underscore_headers_dropped_total" => [[], -> { connect(@moving).get("/", "x_a" => "b") }],
    "hyperion_spooled_bytes" => [[], -> { connect(@moving).write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n#{"x" * 200_000}") }],
    "hyperion_rejections_total" => [[], -> { connect(@moving).write("nonsense\r\n\r\n").read_to_end }],
    "hyperion_io_uring_workers_active" => [%w[--io io_uring], -> { asked }],
    "hyperion_executors_busy" => [%w[-t 1], -> { held }],
    "hyperion_fiber_holds_total" => [%w[--async-io -t 1], -> { connect(@moving).request("GET", "/spin?#{Time.now.to_f + 1}") }],
    "hyperion_threadpool_queue_depth" => [%w[-t 1], -> { 3.times { held } }],
    "hyperion_requests_cancelled_total" => [%w[-t 1], -> { Array.new(2) { held }.last.abort }],
    "hyperion_connections_passed_total" => [%w[-w 2 -t 1], -> { 40.times { connect(@moving).get("/") } }],
    "hyperion_requests_passed_total" => [%w[-w 2 -t 1], -> { crossed }],
    "hyperion_worker_restarts_total" => [%w[-w 2], -> { Process.kill(:KILL, @moving.worker_pids.first) }],
    "hyperion_worker_stalls_total" => [%w[-w 2 -t 1 --worker-timeout 3], -> { 8.times { held } }],
    "hyperion_log_lines_dropped_total" => [%w[--log-file /dev/full], -> { asked }],
    "hyperion_per_conn_rejections_total" => [%w[-t 1 --h2-max-concurrent-streams 2], -> { left_behind }]
  }.freeze

  def test_I8_every_family_has_its_case
    assert_operator FAMILIES.size, :>, 20
    assert_empty FAMILIES - CASES.keys - INSIDE.keys, "nobody makes these move"
    assert_empty CASES.keys + INSIDE.keys - FAMILIES, "the documents do not know these"
    INSIDE.each { |name, file| assert_includes File.read("#{ROOT}/#{file}"), name.delete_prefix("hyperion_").delete_suffix("_total") }
  end

  CASES.each do |name, (flags, cause)|
    define_method("test_I8_#{name}_moves") do
      @moving = boot(LINES, "--admin-token", TOKEN, *flags)
      instance_exec(&cause)
      eventually("#{name} does not move", timeout: 15) { value(name).positive? }
    end
  end

  private

  # The sum of a family's samples; of a histogram, its observations.
  def value(name)
    page = ask("metrics", to: @moving).body
    page.scan(/^#{name}(?:_count)?(?:\{[^}]*\})? ([\d.e+]+)$/).flatten.sum(&:to_f)
  end

  def asked = assert_equal(200, connect(@moving).get("/").status)

  def held = connect(@moving).request("GET", "/sleep?30")

  # Of two connections that ask at once, some pairs belong to one worker, while the other one is idle.
  def crossed
    clients = Array.new(6) { connect(@moving) }
    clients.combination(2) do |pair|
      pair.each { |client| client.request("GET", "/sleep?0.05") }
      pair.each(&:response)
    end
  end

  # A stream that was reset while its request is worked on, and two more of its connection.
  def left_behind
    client = connect(@moving)
    client.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n#{settings}#{headers(1, block(path: "/sleep?30"))}")
    eventually("nobody works on it") { value("hyperion_executors_busy").positive? }
    client.write(reset(1))
    [3, 5].each { |id| client.write(headers(id, block(path: "/sleep?30"))) }
  end
end
