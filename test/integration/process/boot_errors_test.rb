# frozen_string_literal: true

require_relative "process_case"

# A start that cannot succeed ends with status 1, names what is wrong, and announces nothing.
class BootErrorsTest < HyperionTest::ProcessCase
  def test_an_unknown_flag
    message = refuse("--thread", "5", "--nonsense", BASIC)
    assert_match(/--nonsense|--thread/, message)
    assert_no_backtrace message
  end

  def test_values_that_cannot_be
    { %w[-p seventy] => /port|-p/, %w[-p 70000] => /port/, %w[-t 0] => /threads/, %w[-t many] => /threads/, %w[-w -3] => /workers|-w/,
      %w[--io magic] => /io/, %w[--log-level loud] => /log.level/, %w[--max-body-bytes -1] => /max.body.bytes/,
      %w[--worker-model none] => /worker.model/, %w[-b tcp://nowhere:port:x] => /bind|nowhere/,
      %w[--graceful-timeout soon] => /graceful.timeout/ }.each do |flags, names|
      message = refuse(*flags, BASIC)
      assert_match names, message
      assert_includes message, flags.last.delete_prefix("-"), flags.join(" ")
      assert_no_backtrace message
    end
  end

  def test_an_unknown_name_in_the_configuration
    config = file("conf.rb", "threads 2\n\ntreads 3\n")
    message = refuse("-C", config, BASIC)
    assert_match(/conf\.rb:3/, message)
    assert_match(/treads.*threads/m, message, "with a suggestion")
    assert_no_backtrace message
  end

  def test_a_bad_value_in_the_configuration
    message = refuse("-C", file("conf.rb", "port 1\nthreads \"some\"\n"), BASIC)
    assert_match(/conf\.rb:2/, message)
    assert_match(/threads/, message)
  end

  def test_all_errors_at_once
    config = file("conf.rb", "treads 3\nport 99999\nlog_level :loud\n")
    message = refuse("-C", config, "-t", "none", BASIC)
    [/conf\.rb:1/, /conf\.rb:2/, /conf\.rb:3/, /treads/, /99999/, /loud/, /none/].each { |part| assert_match part, message }
  end

  def test_a_configuration_that_is_no_ruby
    assert_match(/conf\.rb:2/, refuse("-C", file("conf.rb", "threads 2\nthreads (\n"), BASIC))
  end

  def test_a_configuration_that_raises
    message = refuse("-C", file("conf.rb", "threads 2\nraise 'no luck'\n"), BASIC)
    assert_match(/conf\.rb:2/, message)
    assert_match(/no luck/, message)
  end

  def test_a_configuration_that_is_not_there
    assert_match(%r{nowhere/conf\.rb}, refuse("-C", "nowhere/conf.rb", BASIC))
  end

  def test_an_app_that_is_not_there
    assert_match(/nowhere\.ru/, refuse("-p", "0", "nowhere.ru"))
  end

  def test_an_app_that_raises
    ru = file("config.ru", "\nraise 'broken app'\n")
    [[], %w[-w 2]].each do |cluster|
      message = refuse("-p", "0", *cluster, ru)
      assert_match(/broken app/, message)
      assert_match(/config\.ru:2/, message)
    end
  end

  def test_an_app_that_is_no_ruby
    assert_match(/config\.ru/, refuse("-p", "0", file("config.ru", "run ->(env) {\n")))
  end

  def test_an_app_that_misses_a_library
    assert_match(%r{no/such/library}, refuse("-p", "0", file("config.ru", "require 'no/such/library'\n")))
  end

  def test_an_app_that_runs_nothing
    assert_match(/config\.ru|run/, refuse("-p", "0", file("config.ru", "# nothing here\n")))
  end

  def test_an_app_that_exits
    out, err, status = run_hyperion("-p", "0", file("config.ru", "exit 0\n"))
    refute_match(/Listening on/, out + err)
    assert_includes [0, 1], status.exitstatus
  end

  def test_a_port_in_use
    port = server.port
    [[], %w[-w 2], %w[-w 2 --worker-model share]].each do |cluster|
      message = refuse("-b", "127.0.0.1", "-p", port, *cluster, BASIC)
      assert_match(/#{port}/, message)
      assert_match(/in use/i, message)
      assert_no_backtrace message
    end
    assert_equal server.pid.to_s, body("/pid")
  end

  def test_a_second_cluster_cannot_share_the_port_of_the_first
    first = boot(BASIC, "-w", "2")
    assert_match(/in use/i, refuse("-b", "127.0.0.1", "-p", first.port, "-w", "2", BASIC))
  end

  def test_an_address_of_another_machine
    assert_match(/192\.0\.2\.1/, refuse("-b", "192.0.2.1", "-p", "0", BASIC))
  end

  def test_one_bad_bind_of_two_announces_neither
    refuse("-b", "tcp://127.0.0.1:0", "-b", "tcp://127.0.0.1:#{server.port}", BASIC)
  end

  def test_a_worker_that_cannot_boot_stops_the_master
    config = file("conf.rb", "on_worker_boot { |slot| raise \"slot \#{slot} is bad\" }\n")
    out, err, status = run_hyperion("-C", config, "-b", "127.0.0.1", "-p", "0", "-w", "2", BASIC)
    assert_equal 1, status.exitstatus, out + err
    assert_match(/slot \d is bad/, out + err)
  end

  def test_a_worker_whose_app_cannot_load_stops_the_master
    ru = file("config.ru", "raise 'broken in the worker'\n")
    message = refuse("--no-preload", "-p", "0", "-w", "2", ru)
    assert_match(/broken in the worker/, message)
  end

  def test_check_accepts_what_is_right_and_shows_the_sources
    config = file("conf.rb", "threads 7\nidle_keepalive 12\n")
    out, err, status = run_hyperion("check", "-C", config, "-w", "2", BASIC, env: { "PORT" => "4321" })
    assert_equal 0, status.exitstatus, out + err
    { "threads" => /7.*conf\.rb/, "idle_keepalive" => /12.*conf\.rb/, "workers" => /2.*(flag|command|-w)/i, "port" => /4321.*(PORT|env)/i,
      "read_timeout" => /30.*default/i }.each do |name, shown|
      assert_match shown, out[/^.*\b#{name}\b.*$/] || flunk("#{name} is not in\n#{out}")
    end
    refute_match(/Listening on/, out + err)
  end

  def test_check_refuses_what_is_wrong
    assert_match(/conf\.rb:1/, refuse("check", "-C", file("conf.rb", "treads 7\n"), BASIC))
    assert_match(/broken app/, refuse("check", file("config.ru", "raise 'broken app'\n")))
  end

  private

  def assert_no_backtrace(message)
    refute_match(%r{lib/hyperion/[\w/]+\.rb:\d+:in}, message)
  end
end
