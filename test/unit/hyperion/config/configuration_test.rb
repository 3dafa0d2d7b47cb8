# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/configuration"

class ConfigurationTest < UnitCase
  def test_defaults
    config = configure
    assert_equal [5, 1, 30, :auto], [config.threads, config.workers, config.read_timeout, config.io]
    assert_equal %w[http://127.0.0.1:9292], config.bind.map(&:url)
    assert_equal ["default", "#{dir}/config.ru", false], [config.source(:threads), config.rackup, config.cluster?]
    assert_predicate config, :frozen?
  end

  def test_flag_before_variable_before_file_before_default
    path = file("conf.rb", "threads 13\nworkers 4\nread_timeout 9\n")
    config = configure("-t", "11", env: { "RAILS_MAX_THREADS" => "12", "WEB_CONCURRENCY" => "3" }, file: path)
    assert_equal [11, 3, 9, 30], [config.threads, config.workers, config.read_timeout, config.write_timeout]
    assert_equal ["flag -t", "variable WEB_CONCURRENCY", "#{path}:3", "default"],
                 %i[threads workers read_timeout write_timeout].map { |name| config.source(name) }
  end

  def test_the_usual_file_is_found
    file("config/hyperion.rb", "threads 3\n")
    assert_equal 3, configure.threads
    assert_equal "config/hyperion.rb:1", configure.source(:threads)
  end

  def test_the_file_may_be_named_by_a_variable
    assert_equal 3, configure(env: { "HYPERION_CONFIG" => file("other.rb", "threads 3\n") }).threads
  end

  def test_problems_of_all_places_are_told_together
    path = file("conf.rb", "treads 1\nport(-1)\n")
    told = problems { configure("-t", "none", env: { "WEB_CONCURRENCY" => "x" }, file: path) }
    assert_equal 4, told.size
    ["flag -t", "WEB_CONCURRENCY", "conf.rb:1", "conf.rb:2"].each { |place| assert(told.any? { |line| line.include?(place) }, place) }
  end

  def test_a_file_that_is_not_there
    assert_match(%r{nowhere/conf\.rb}, problems { configure("-C", "nowhere/conf.rb") }.first)
  end

  def test_the_port_is_for_addresses_that_have_none
    urls = configure("-p", "3000", "-b", "a", "-b", "b:1", "-b", "unix:///tmp/c").bind.map(&:url)
    assert_equal %w[http://a:3000 http://b:1 unix:///tmp/c], urls
  end

  def test_where_nobody_names_an_address_the_environment_decides
    hosts = %w[development test production staging].map { |name| configure("-e", name).bind.map(&:host) }
    assert_equal [["127.0.0.1"]] * 2, hosts.first(2)
    assert_includes [[["::"]] * 2, [["0.0.0.0"]] * 2], hosts.last(2)
    assert_equal "default of the environment production", configure("-e", "production").source(:bind)
    assert_equal ["a"], configure("-e", "production", "-b", "a").bind.map(&:host)
  end

  def test_variables_of_the_address_that_everyone_knows
    assert_equal [["0.0.0.0"], "variable HOST"], configure(env: { "HOST" => "0.0.0.0", "BINDING" => "b" }).then { |found| [found.bind.map(&:host), found.source(:bind)] }
    assert_equal ["b"], configure(env: { "BINDING" => "b" }).bind.map(&:host)
    assert_equal ["127.0.0.1"], configure(env: { "HOST" => "x86_64-conda-linux-gnu" }).bind.map(&:host), "it is the name of a compiler's target"
  end

  def test_a_port_beside_unix_sockets_is_served_too
    assert_equal %w[unix:///tmp/c http://127.0.0.1:3000], configure("-b", "unix:///tmp/c", "-p", "3000").bind.map(&:url)
    assert_equal %w[unix:///tmp/c http://127.0.0.1:3000], configure("-b", "unix:///tmp/c", env: { "PORT" => "3000" }).bind.map(&:url)
    assert_equal %w[unix:///tmp/c], configure("-b", "unix:///tmp/c").bind.map(&:url)
  end

  def test_a_port_without_an_effect_is_a_warning
    assert_match(/no effect/, configure("-p", "3000", "-b", "b:1").warnings.first)
    assert_empty configure("-p", "3000", "-b", "b").warnings
    assert_empty configure("-b", "b:1", env: { "PORT" => "3000" }).warnings
  end

  def test_binds_of_a_flag_replace_those_of_the_file
    assert_equal %w[http://a:9292], configure("-b", "a", file: file("conf.rb", "bind 'b'\n")).bind.map(&:url)
  end

  def test_auto_workers_are_processors
    assert_operator configure("-w", "auto").workers, :>=, 1
    assert_equal :auto, configure("-w", "auto").settings[:workers].value
  end

  def test_the_automatic_log_format
    formats = %w[production staging development].map { |name| configure("-e", name).log_format }
    assert_equal [:json, :json, $stdout.tty? ? :terminal : :json], formats
    assert_equal :text, configure("--log-format", "text", "-e", "production").log_format
  end

  def test_hooks_come_from_the_file
    config = configure(file: file("conf.rb", "before_fork { 7 }\n"))
    assert_equal [7], config.hooks_for(:before_fork).map(&:call)
    assert_empty config.hooks_for(:on_worker_boot)
  end

  def test_the_engine_is_told_everything_it_asks_for
    settings = configure("--max-in-flight-per-conn", "3", "-t", "2").engine_settings(multiprocess: true)
    assert_equal %i[admin_token early_hints graceful_timeout h2_max_concurrent_streams h2_max_total_streams idle_keepalive io log_color log_file log_format log_level log_requests max_body_bytes max_connections
                    max_header_bytes max_header_fields max_in_flight_per_conn max_pending max_request_read_seconds max_response_fields max_response_header_bytes max_spool_bytes max_target_bytes multiprocess native_routes read_timeout
                    sendfile_header server_software shows_errors spool_threshold_bytes static_cache_bytes stream_request_bodies threads
                    tls_handshake_rate_limit tls_handshake_timeout underscore_headers utc_offset_s write_timeout], settings.keys.sort
    assert_equal [2, 3, true, "drop"], settings.values_at(:threads, :max_in_flight_per_conn, :multiprocess, :underscore_headers)
    assert_equal "auto", configure.engine_settings[:max_in_flight_per_conn]
  end

  def test_a_program_gives_options_by_name
    config = Hyperion::Configuration.for_program({ threads: 2, bind: "a", port: 1, log_file: nil })
    assert_equal [2, "http://a:1"], [config.threads, config.bind.first.url]
    assert_match(/treads is no option; did you mean threads/, problems { Hyperion::Configuration.for_program({ treads: 1 }) }.first)
    assert_match(/workers means nothing/, problems { Hyperion::Configuration.for_program({ workers: 2 }) }.first)
    assert_equal 2, problems { Hyperion::Configuration.for_program({ threads: 0, port: "x" }) }.size
  end

  def test_a_handler_default_is_weaker_than_file_and_environment
    file("config/hyperion.rb", "threads 7\nbind 'filed'\n")
    config = Dir.chdir(dir) do
      Hyperion::Configuration.for_handler({ threads: 9 }, { bind: "localhost", port: 3000 }, env: { "PORT" => "4000" })
    end
    assert_equal [9, "http://filed:4000"], [config.threads, config.bind.first.url]
  end
end
