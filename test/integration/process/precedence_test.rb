# frozen_string_literal: true

require_relative "process_case"
require "rack"

# Flag before environment before file before default, shown by `hyperion check` and by what the server does.
class PrecedenceTest < HyperionTest::ProcessCase
  # name => [flag, value by flag, variable, value by variable, value in the file, default]
  OPTIONS = {
    "threads" => ["-t", 11, "RAILS_MAX_THREADS", 12, 13, 5],
    "fibers" => ["--fibers", 11, "HYPERION_FIBERS", 12, 13, 256],
    "workers" => ["-w", 2, "WEB_CONCURRENCY", 3, 4, 1],
    "port" => ["-p", 7001, "PORT", 7002, 7003, 9292],
    "max_body_bytes" => ["--max-body-bytes", 1001, "HYPERION_MAX_BODY_BYTES", 1002, 1003, 1024 * 1024 * 1024],
    "max_spool_bytes" => ["--max-spool-bytes", 5001, "HYPERION_MAX_SPOOL_BYTES", 5002, 5003, :auto],
    "max_header_fields" => ["--max-header-fields", 101, "HYPERION_MAX_HEADER_FIELDS", 102, 103, 1000],
    "max_target_bytes" => ["--max-target-bytes", 5001, "HYPERION_MAX_TARGET_BYTES", 5002, 5003, 32 * 1024],
    "early_hints" => ["--early-hints", :on, "HYPERION_EARLY_HINTS", :off, :http2, :http2],
    "max_header_bytes" => ["--max-header-bytes", 5001, "HYPERION_MAX_HEADER_BYTES", 5002, 5003, 64 * 1024],
    "max_response_fields" => ["--max-response-fields", 101, "HYPERION_MAX_RESPONSE_FIELDS", 102, 103, 1000],
    "max_response_header_bytes" => ["--max-response-header-bytes", 5001, "HYPERION_MAX_RESPONSE_HEADER_BYTES", 5002, 5003, 256 * 1024],
    "max_connections" => ["--max-connections", 61, "HYPERION_MAX_CONNECTIONS", 62, 63, 65_536],
    "max_pending" => ["--max-pending", 71, "HYPERION_MAX_PENDING", 72, 73, 4096],
    "read_timeout" => ["--read-timeout", 21, "HYPERION_READ_TIMEOUT", 22, 23, 30],
    "write_timeout" => ["--write-timeout", 21, "HYPERION_WRITE_TIMEOUT", 22, 23, 30],
    "idle_keepalive" => ["--idle-keepalive", 21, "HYPERION_IDLE_KEEPALIVE", 22, 23, 75],
    "max_request_read_seconds" => ["--max-request-read-seconds", 21, "HYPERION_MAX_REQUEST_READ_SECONDS", 22, 23, 60],
    "drain_delay" => ["--drain-delay", 21, "HYPERION_DRAIN_DELAY", 22, 23, 0],
    "static_cache_bytes" => ["--static-cache-bytes", 5001, "HYPERION_STATIC_CACHE_BYTES", 5002, 5003, 64 * 1024 * 1024],
    "sendfile_header" => ["--sendfile-header", :"x-sendfile", "HYPERION_SENDFILE_HEADER", :"x-accel-redirect", :off, :off],
    "admin_bind" => ["--admin-bind", "127.0.0.11:7011", "HYPERION_ADMIN_BIND", "127.0.0.12:7011", "127.0.0.13:7011", nil],
    "graceful_timeout" => ["--graceful-timeout", 21, "HYPERION_GRACEFUL_TIMEOUT", 22, 23, 30],
    "log_level" => ["--log-level", :debug, "HYPERION_LOG_LEVEL", :warn, :error, :info],
    "log_format" => ["--log-format", :text, "HYPERION_LOG_FORMAT", :json, :text, :auto],
    "io" => ["--io", :epoll, "HYPERION_IO", :auto, :epoll, :auto],
    "worker_model" => ["--worker-model", :share, "HYPERION_WORKER_MODEL", :reuseport, :share, :reuseport],
    "worker_timeout" => ["--worker-timeout", 21, "HYPERION_WORKER_TIMEOUT", 22, 23, 60],
    "worker_boot_timeout" => ["--worker-boot-timeout", 21, "HYPERION_WORKER_BOOT_TIMEOUT", 22, 23, 60],
    "worker_boot_retry_timeout" => ["--worker-boot-retry-timeout", 21, "HYPERION_WORKER_BOOT_RETRY_TIMEOUT", 22, 23, 60],
    "worker_max_rss_mb" => ["--worker-max-rss-mb", 301, "HYPERION_WORKER_MAX_RSS_MB", 302, 303, nil],
    "worker_max_requests" => ["--worker-max-requests", 301, "HYPERION_WORKER_MAX_REQUESTS", 302, 303, nil],
    "max_in_flight_per_conn" => ["--max-in-flight-per-conn", 2, "HYPERION_MAX_IN_FLIGHT_PER_CONN", 3, 4, :auto],
    "underscore_headers" => ["--underscore-headers", :drop, "HYPERION_UNDERSCORE_HEADERS", :allow, :drop, :drop],
    "yjit" => ["--yjit", nil, "HYPERION_YJIT", "false", true, :auto],
    "pid_file" => ["--pid-file", "flag.pid", "HYPERION_PID_FILE", "var.pid", "file.pid", nil],
    "log_file" => ["--log-file", "flag.log", "HYPERION_LOG_FILE", "var.log", "file.log", nil],
    "tls_min_version" => ["--tls-min-version", :"1.3", "HYPERION_TLS_MIN_VERSION", :"1.2", :"1.3", :"1.2"],
    "tls_handshake_timeout" => ["--tls-handshake-timeout", 21, "HYPERION_TLS_HANDSHAKE_TIMEOUT", 22, 23, 10],
    "tls_handshake_rate_limit" => ["--tls-handshake-rate-limit", 21, "HYPERION_TLS_HANDSHAKE_RATE_LIMIT", 22, 23, :unlimited],
    "h2_max_concurrent_streams" => ["--h2-max-concurrent-streams", 21, "HYPERION_H2_MAX_CONCURRENT_STREAMS", 22, 23, 128],
    "h2_max_total_streams" => ["--h2-max-total-streams", 21, "HYPERION_H2_MAX_TOTAL_STREAMS", 22, 23, :unbounded],
    "bind" => ["--bind", "127.0.0.11", "HYPERION_BIND", "127.0.0.12", "127.0.0.13", "127.0.0.1"],
    "environment" => ["-e", "flagged", "RACK_ENV", "varied", "filed", "development"]
  }.freeze

  def test_each_option_takes_the_strongest_of_its_sources
    config = file("conf.rb", OPTIONS.map { |name, values| "#{name} #{values[4].inspect}\n" }.join)
    flags = OPTIONS.values.flat_map { |flag, value,| [flag, value] }.compact
    variables = OPTIONS.values.to_h { |_, _, name, value,| [name, value.to_s] }
    assert_shown(1, check("-C", config, *flags, env: variables))
    assert_shown(3, check("-C", config, env: variables))
    assert_shown(4, check("-C", config, env: cleared))
    assert_shown(5, check(env: cleared))
  end

  def test_no_option_is_forgotten_here
    shown = check(env: cleared)[/.*?^app /m].lines.filter_map { |line| line[/\A\w+(?= )/] } - ["app"]
    assert_equal [], shown - OPTIONS.keys - %w[async_io config preload log_requests native_routes preload_static admin_token admin_token_file
                                               stream_request_bodies tls_cert tls_key tls_self_signed tls_strict_sni tls_client_auth tls_client_ca]
  end

  def test_a_switch_has_a_flag_for_both_sides
    config = file("conf.rb", "log_requests false\npreload false\nnative_routes false\ntls_self_signed false\nstream_request_bodies false\n")
    shown = check("-C", config, "--log-requests", "--preload", "--native-routes", "--tls-self-signed", "--stream-request-bodies", env: cleared)
    assert_match(/tls_self_signed\b.*true/, shown)
    assert_match(/stream_request_bodies\b.*true/, shown)
    assert_match(/native_routes\b.*true/, shown)
    assert_match(/log_requests\b.*true/, shown)
    assert_match(/\bpreload\b.*true/, shown)
    shown = check("--no-log-requests", "--no-preload", env: cleared.merge("HYPERION_LOG_REQUESTS" => "true"))
    assert_match(/log_requests\b.*false/, shown)
    assert_match(/\bpreload\b.*false/, shown)
  end

  def test_thread_count_is_another_name_for_threads
    assert_match(/threads\b.*\b6\b/, check("-C", file("conf.rb", "thread_count 6\n"), env: cleared))
  end

  def test_rails_env_stands_in_for_rack_env
    assert_match(/environment\b.*railed/, check(env: cleared.merge("RAILS_ENV" => "railed")))
  end

  def test_auto_workers
    count = check("-w", "auto", env: cleared)[/^.*\bworkers\b.*$/]
    assert_match(/\b[1-9]\d*\b|auto/, count)
  end

  def test_a_variable_that_cannot_be_is_named
    assert_match(/WEB_CONCURRENCY/, refuse("check", BASIC, env: { "WEB_CONCURRENCY" => "several" }))
    assert_match(/HYPERION_READ_TIMEOUT/, refuse("check", BASIC, env: { "HYPERION_READ_TIMEOUT" => "soon" }))
  end

  def test_the_environment_reaches_the_app
    assert_equal '"staging"', body("/env?RACK_ENV", to: boot(BASIC, "-e", "staging"))
  end

  def test_the_variables_everyone_knows_have_their_effect
    cluster = boot(BASIC, env: { "WEB_CONCURRENCY" => "2", "RAILS_MAX_THREADS" => "1" })
    assert_equal 2, cluster.worker_pids.size
    assert_equal "[false, true]", body("/multi", to: cluster) if Gem::Version.new(Rack.release) < Gem::Version.new("3")
    port = TCPServer.open("127.0.0.1", 0) { |free| free.addr[1] }
    by_variable = boot(BASIC, "-b", "127.0.0.1", bind: false, env: { "PORT" => port.to_s })
    assert_equal port, by_variable.port
  end

  private

  def cleared = OPTIONS.values.to_h { |_, _, name,| [name, nil] }

  def check(*arguments, env: {})
    out, err, status = run_hyperion("check", *arguments, BASIC, env: env)
    assert_equal 0, status.exitstatus, out + err
    out
  end

  def assert_shown(column, output)
    OPTIONS.each do |name, values|
      next if values[column].nil?

      line = output[/^\W*#{name}\b.*$/] || flunk("#{name} is not in\n#{output}")
      assert_match(/(?<![\w.])#{values[column]}(?![\w.]*\d)/, line.delete("_,").sub(name.delete("_"), ""), "column #{column}")
    end
  end
end
