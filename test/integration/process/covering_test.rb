# frozen_string_literal: true

require_relative "process_case"

# No connection waits for a slot whose worker does not serve: it boots, hangs, is stopped, or is not there.
class CoveringTest < HyperionTest::ProcessCase
  FLAGS = ["-w", "2", "--worker-model", "reuseport"].freeze
  CANNOT_COVER = /connections of a worker that does not serve cannot be accepted/

  %w[epoll io_uring].each do |driver|
    define_method("test_H4_others_serve_while_a_successor_hangs_in_its_hook_#{driver}") do
      cluster = boot_hanging("--io", driver, "--worker-boot-timeout", "30")
      hang_next(cluster)
      assert_everybody_served(cluster)
      File.unlink("#{dir}/hang")
      cluster.wait_for_log(/worker restarted/, timeout: 10)
      eventually("it does not serve") { serving_pids(cluster).size == 2 }
      assert_equal 0, cluster.stop.exitstatus
    end

    define_method("test_G3_others_serve_while_a_worker_is_stopped_#{driver}") do
      cluster = boot(BASIC, *FLAGS, "--io", driver)
      stopped = cluster.worker_pids.first
      Process.kill(:STOP, stopped)
      cluster.wait_for_log(/was stopped by SIGSTOP/)
      assert_everybody_served(cluster)
      Process.kill(:CONT, stopped)
      eventually("it does not go on") { serving_pids(cluster).include?(stopped) }
      assert_equal 0, cluster.stop.exitstatus
    end
  end

  def test_H4_a_worker_without_descriptors_serves_on_though_it_cannot_accept_for_another
    cluster = boot_hanging
    worker = cluster.worker_pids.last
    client = client_of(worker, cluster)
    limit_descriptors(worker)
    hang_next(cluster)
    cluster.wait_for_log(CANNOT_COVER)
    assert_equal worker.to_s, client.get("/pid").body
    lift_limit(worker)
    20.times { assert_equal worker.to_s, connect(cluster).get("/pid").body, "it tries again" }
    File.unlink("#{dir}/hang")
    cluster.wait_for_log(/worker restarted/, timeout: 10)
    assert_includes cluster.worker_pids, worker
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_H4_a_worker_without_descriptors_drains_though_it_cannot_accept_for_others
    cluster = boot(BASIC, *FLAGS)
    worker = cluster.worker_pids.first
    client = client_of(worker, cluster).request("GET", "/sleep?1")
    assert client.silent?(0.1)
    limit_descriptors(worker)
    cluster.signal(:TERM)
    cluster.wait_for_log(CANNOT_COVER)
    assert_equal "slept", client.response.body
    assert_equal 0, cluster.wait.exitstatus
  end

  def test_H4_a_successor_that_hangs_for_too_long_is_killed_and_told_of
    cluster = boot_hanging("--worker-boot-timeout", "2")
    hang_next(cluster)
    cluster.wait_for_log(/worker \d \(\d+\): thread main sleeps.*hyperion\.rb:1/, timeout: 15)
    cluster.wait_for_log(/worker \d \(\d+\) has not booted for 2 s and is killed/)
    refute_match(/worker restarted/, cluster.log, "nobody has restarted")
    File.unlink("#{dir}/hang")
    cluster.wait_for_log(/worker restarted/, timeout: 15)
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_H4_a_first_boot_that_hangs_fails
    file("hang", "")
    config = file("hyperion.rb", "on_worker_boot { |slot| sleep if slot == 1 && File.exist?(#{"#{dir}/hang".inspect}) }\n")
    told = refuse("-b", "127.0.0.1", "-p", "0", *FLAGS, "-C", config, "--worker-boot-timeout", "2", BASIC)
    assert_match(/worker 1 \(\d+\) could not boot: has not booted for 2 s/, told)
  end

  def test_H4_a_server_can_be_stopped_while_a_worker_hangs_in_its_boot
    cluster = boot_hanging
    hang_next(cluster)
    assert_equal 0, cluster.stop.exitstatus
    assert_empty cluster.pids
  end

  { "hangs" => "sleep", "raises" => "raise 'no luck'", "exits" => "exit(3)", "forks" => "fork {}" }.each do |what, code|
    define_method("test_H4_a_before_fork_that_#{what}_leaves_the_master_its_own") do
      config = "before_fork { (#{code}) if File.exist?(#{"#{dir}/now".inspect}) }\n"
      cluster = boot_with(config, *FLAGS, "--worker-boot-timeout", "2", "--graceful-timeout", "2")
      file("now", "")
      Process.kill(:KILL, cluster.worker_pids.first)
      cluster.wait_for_log(/before_fork\b/, timeout: 15) unless what == "forks"
      assert_everybody_served(cluster)
      status = nil
      took = elapsed { status = cluster.stop }
      assert_operator took, :<, 10
      assert_equal 0, status.exitstatus
      eventually { cluster.pids.empty? }
    end
  end

  def test_H4_a_stop_does_not_wait_for_a_before_fork_that_hangs
    cluster = boot_with("before_fork { sleep if File.exist?(#{"#{dir}/now".inspect}) }\n", *FLAGS)
    file("now", "")
    Process.kill(:KILL, cluster.worker_pids.first)
    cluster.wait_for_log(/ended: killed by SIGKILL/)
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_an_app_that_takes_the_signals_of_its_worker_does_not_keep_it
    app = file("config.ru", "run ->(_) { trap('TERM') {}; [200, {}, [Process.pid.to_s]] }\n")
    cluster = boot(app, *FLAGS, "--graceful-timeout", "5")
    serving_pids(cluster)
    assert_equal 0, cluster.stop.exitstatus
    refute_match(/killed/, cluster.log)
  end

  private

  def boot_hanging(*flags)
    boot_with("on_worker_boot { sleep(0.05) while File.exist?(#{"#{dir}/hang".inspect}) }\n", *FLAGS, *flags)
  end

  def client_of(worker, cluster)
    eventually("none belongs to it") { connect(cluster).then { |client| client if client.get("/pid").body == worker.to_s } }
  end

  def hang_next(cluster)
    file("hang", "")
    Process.kill(:KILL, cluster.worker_pids.first)
    cluster.wait_for_log(/ended: killed by SIGKILL/)
  end

  # The kernel chooses a slot by the client's port, so some of many connections belong to the one that is lacking.
  def assert_everybody_served(cluster)
    assert_equal [200], Array.new(40) { get("/pid", to: cluster).status }.uniq
  end
end
