# frozen_string_literal: true

require_relative "process_case"

# What a server leaves behind when it stops, and what it tells of workers that do not stop in peace.
class EndingTest < HyperionTest::ProcessCase
  # The child lives on, without having begun another program, and holds copies of all descriptors.
  LEAVES_CHILD = "run ->(_) { [200, {}, [fork { sleep }.to_s]] }\n"
  KEEPS_LOCK = <<~RUBY
    require "fiddle"
    PAUSE = Fiddle::Function.new(Fiddle.dlopen(nil)["pause"], [], Fiddle::TYPE_INT, need_gvl: true)
    run ->(_) { PAUSE.call while true }
  RUBY

  { "one_process" => [], "reuseport" => %w[-w 2 --worker-model reuseport], "share" => %w[-w 2 --worker-model share] }.each do |where, flags|
    %w[epoll io_uring].each do |driver|
      define_method("test_H6_a_forked_child_does_not_keep_the_port_#{where}_#{driver}") do
        server = boot(file("config.ru", LEAVES_CHILD), *flags, "--io", driver)
        child = Integer(get("/", to: server).body)
        port = server.port
        assert_equal 0, server.stop.exitstatus
        refute gone?(child), "it has to hold copies"
        assert_raises(Errno::ECONNREFUSED) { TCPSocket.new("127.0.0.1", port) }
        assert_equal 200, get("/pid", to: boot(BASIC, "-b", "127.0.0.1:#{port}", bind: false)).status
      ensure
        Process.kill(:KILL, child)
      end
    end
  end

  def test_H5_clients_do_not_wait_for_workers_that_hang_while_the_server_stops
    cluster = boot(file("config.ru", KEEPS_LOCK), "-w", "2", "--graceful-timeout", "8")
    held = Array.new(12) { connect(cluster).request("GET", "/") }
    assert held.first.silent?(0.5)
    cluster.signal(:TERM)
    cluster.wait_for_log(/stopping/)
    eventually("clients can connect still", timeout: 6) { refused?(cluster.port) }
    assert cluster.alive?, "it waits for its workers"
    cluster.destroy
  end

  { "killed by SIGKILL" => "Process.kill(:KILL, Process.pid); sleep", "exit status 3" => "exit!(3)" }.each do |how, code|
    define_method("test_H5_a_worker_that_dies_while_the_server_stops_is_told_of_#{how.split.last}") do
      cluster = boot_with("on_worker_shutdown { |slot| (#{code}) if slot == 1 }\n", "-w", "2")
      assert_equal 1, cluster.stop.exitstatus
      assert_match(/"level":"error".*worker 1 \(\d+\) ended while the server stops: .*#{how}/, cluster.log)
    end
  end

  def test_H5_a_worker_that_is_killed_while_the_server_stops_is_told_of
    cluster = boot(BASIC, "-w", "2")
    client = connect(cluster)
    worker = Integer(client.get("/pid").body)
    client.request("GET", "/sleep?5")
    assert client.silent?(0.1)
    cluster.signal(:TERM)
    cluster.wait_for_log(/stopping/)
    Process.kill(:KILL, worker)
    assert_equal 1, cluster.wait.exitstatus
    assert_match(/\(#{worker}\) ended while the server stops: killed by SIGKILL/, cluster.log)
  end

  # The handlers that a worker is born with are its master's.
  def test_H3_a_stop_in_the_very_moment_of_a_workers_birth_is_obeyed
    cluster = boot_with(<<~RUBY, "-w", "2", "--graceful-timeout", "30")
      Process.singleton_class.prepend(Module.new do
        def _fork = super.tap { |pid| Process.kill(:TERM, Process.pid) if pid.zero? && File.exist?(#{"#{dir}/now".inspect}) }
      end)
    RUBY
    file("now", "")
    old = cluster.worker_pids.first
    Process.kill(:KILL, old)
    cluster.wait_for_log(/worker \d \((?!#{old})\d+\) ended: exit status 0/)
    File.unlink("#{dir}/now")
    cluster.wait_for_log(/worker restarted/, timeout: 10)
    assert_equal 0, cluster.stop.exitstatus
  end

  private

  def refused?(port)
    TCPSocket.new("127.0.0.1", port).close
    false
  rescue Errno::ECONNREFUSED
    true
  end
end
