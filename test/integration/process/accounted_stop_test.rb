# frozen_string_literal: true

require_relative "process_case"
require "support/load"

# Every request that was sent before an end, or on a connection that was made before it, gets its answer.
class AccountedStopTest < HyperionTest::ProcessCase
  BACKLOG = 60
  DRIVERS = %w[epoll io_uring].freeze
  REFUSALS = [Errno::ECONNREFUSED, Errno::ENOENT].freeze
  MODES = { "one_process" => [], "reuseport" => %w[-w 2 --worker-model reuseport], "share" => %w[-w 2 --worker-model share] }.freeze

  MODES.to_a.product(DRIVERS).each do |(mode, flags), driver|
    define_method("test_I2_requests_in_the_backlog_at_TERM_are_answered_#{mode}_#{driver}") do
      server = boot(BASIC, *flags, "--io", driver)
      processes = server.pids
      processes.each { |pid| Process.kill(:STOP, pid) }
      clients = Array.new(BACKLOG) { connect(server).request("GET", "/pid") }
      server.signal(:TERM)
      processes.each { |pid| Process.kill(:CONT, pid) }
      assert_equal({ 200 => BACKLOG }, clients.map { |client| answer(client) }.tally)
      assert_equal 0, server.wait.exitstatus
    end

    define_method("test_I1_no_request_is_lost_at_TERM_#{mode}_#{driver}") do
      assert_nothing_lost_at_term(boot(BASIC, *flags, "--io", driver))
    end
  end

  DRIVERS.each do |driver|
    define_method("test_I1_requests_in_the_backlog_at_TERM_wait_for_descriptors_#{driver}") do
      server = boot(BASIC, "--io", driver)
      get("/pid", to: server)
      server.signal(:STOP)
      clients = Array.new(BACKLOG) { connect(server).request("GET", "/pid") }
      limit_descriptors(server.pid, room: 5)
      server.signal(:TERM)
      server.signal(:CONT)
      statuses = clients.map { |client| answer(client).tap { client.close } }
      assert_equal({ 200 => BACKLOG }, statuses.tally)
      assert_equal 0, server.wait.exitstatus
    end

    define_method("test_I1_no_request_is_lost_at_TERM_on_a_unix_socket_#{driver}") do
      assert_nothing_lost_at_term(boot(BASIC, "-b", "unix://#{dir}/sock", "-w", "2", "--io", driver, bind: false))
    end

    define_method("test_I1_uploads_and_pipelines_under_way_at_TERM_are_answered_#{driver}") do
      server = boot(BASIC, "-w", "2", "--io", driver)
      uploads = Array.new(10) { connect(server).write("POST /pid HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf") }
      uploads.each { |client| assert client.silent?(0.01) }
      server.signal(:TERM)
      eventually("it does not drain") { server.log.include?("draining") }
      statuses = uploads.map { |client| client.write("rest").response.status }
      assert_equal [200], statuses.uniq
      assert_equal 0, server.wait.exitstatus
    end
  end

  MODES.except("one_process").to_a.product(DRIVERS).each do |(mode, flags), driver|
    define_method("test_I1_no_request_is_lost_at_TERM_to_a_worker_#{mode}_#{driver}") do
      server = boot(BASIC, *flags, "--io", driver)
      load = HyperionTest::Load.new(server, "/pid")
      ending { load.stop }
      3.times do
        victim = server.worker_pids.first
        Process.kill(:TERM, victim)
        eventually("it does not end", timeout: 15) { gone?(victim) }
        eventually("it is not replaced", timeout: 15) { server.worker_pids.size == 2 }
        before = load.answers.values.sum
        eventually("nobody is answered", timeout: 15) { load.answers.values.sum > before + 100 }
      end
      load.stop
      assert_empty load.failures
      assert_equal 0, server.stop.exitstatus
    end
  end

  private

  def assert_nothing_lost_at_term(server)
    load = HyperionTest::Load.new(server, "/pid")
    ending { load.stop }
    eventually("nobody is answered", timeout: 15) { load.answers.values.sum > 200 }
    server.signal(:TERM)
    assert_equal 0, server.wait.exitstatus
    load.stop
    assert_empty lost(load)
  end

  def answer(client)
    client.response.status
  rescue HyperionTest::RawClient::Ended, HyperionTest::RawClient::TimedOut => e
    e.class.name
  end

  # Whoever is refused has lost nothing.
  def lost(load) = load.failures.map(&:error).reject { |error| REFUSALS.include?(error.class) }
end
