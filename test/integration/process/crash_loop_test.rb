# frozen_string_literal: true

require_relative "process_case"

# Workers that die again and again, and ends that do not come by themselves.
class CrashLoopTest < HyperionTest::ProcessCase
  def test_W25_where_no_worker_boots_any_more_the_server_ends_with_one_clear_line
    config = "on_worker_boot { |slot| raise \"slot \#{slot} is bad\" if File.exist?(#{"#{dir}/bad".inspect}) }\n"
    cluster = boot_with(config, "-w", "2", "--worker-boot-retry-timeout", "3")
    file("bad", "")
    cluster.worker_pids.each { |pid| Process.kill(:KILL, pid) }
    assert_equal 1, cluster.wait(timeout: 30).exitstatus
    assert_empty cluster.pids
    assert_match(/"level":"error".*hyperion ends: one worker after the other died before it served; the last one was worker \d \(\d+\): exit status 1; .*slot \d is bad/, cluster.log.lines.last)
    assert_operator cluster.log.scan("ended: exit status").size, :<, 40, "it is tried with growing pauses"
  end

  def test_W25_one_slot_that_serves_keeps_the_server_up
    config = "on_worker_boot { |slot| exit!(9) if slot == 1 && File.exist?(#{"#{dir}/bad".inspect}) }\n"
    cluster = boot_with(config, "-w", "2", "--worker-model", "share")
    file("bad", "")
    slots = cluster.worker_pids.to_h { |pid| [File.read("/proc/#{pid}/cmdline")[/worker (\d)/, 1], pid] }
    Process.kill(:KILL, slots["1"])
    eventually("it is not tried again", timeout: 20) { cluster.log.scan("ended: exit status 9").size >= 7 }
    assert_equal slots["0"].to_s, body("/pid", to: cluster)
    File.unlink("#{dir}/bad")
    eventually("it is not replaced", timeout: 10) { cluster.worker_pids.size == 2 }
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_W25_the_master_is_told_why_each_worker_was_replaced
    cluster = boot(BASIC, "-w", "2")
    killed, told = cluster.worker_pids
    Process.kill(:KILL, killed)
    Process.kill(:TERM, told)
    cluster.wait_for_log(/worker restarted.*"slot":\d,"old_pid":#{killed},"new_pid":\d+,"reason":"signal","uptime_s":\d/)
    cluster.wait_for_log(/worker restarted.*"old_pid":#{told},.*"reason":"exit"/)
    assert_equal 0, cluster.stop.exitstatus
  end

  { "one_process" => [], "a_cluster" => %w[-w 2] }.each do |name, flags|
    define_method("test_W31_a_hook_that_hangs_holds_up_the_end_of_#{name}_no_longer_than_the_graceful_timeout") do
      hanging = boot_with("on_worker_shutdown { sleep }\n", *flags, "--graceful-timeout", "1")
      took = elapsed { assert_equal 1, hanging.stop.exitstatus, hanging.log }
      assert_operator took, :<, 6
      assert_match(/an at_exit or C code still runs|did not stop in time and is killed/, hanging.log)
      assert_empty hanging.pids
    end

    define_method("test_W31_G8_an_at_exit_that_hangs_holds_up_the_end_of_#{name}_no_longer_than_the_graceful_timeout") do
      ru = file("config.ru", "at_exit { sleep }\nrun ->(_) { [200, {}, []] }\n")
      hanging = boot(ru, *flags, "--graceful-timeout", "1")
      hanging.signal(:TERM)
      assert_equal 1, hanging.wait(timeout: 10).exitstatus, hanging.log
      assert_empty hanging.pids
    end
  end

  def test_a_worker_that_fails_while_the_server_stops_makes_it_no_clean_end
    failing = boot_with("on_worker_shutdown { |slot| exit!(3) if slot == 1 }\n", "-w", "2")
    assert_equal 1, failing.stop.exitstatus, failing.log
    assert_empty failing.pids
  end

  { "one_process" => [], "a_cluster" => %w[-w 2] }.each do |name, flags|
    define_method("test_#{name}_that_cannot_write_its_banner_says_so_and_does_not_serve") do
      [">&-", ">/dev/full", "| true"].each do |closed|
        _, err, status = capture("bash", "-c", "set -o pipefail; \"$@\" #{closed}", "bash", *HyperionTest::TestServer.command, "-b", "127.0.0.1", "-p", "0", *flags, BASIC)
        assert_equal [1, 1], [status.exitstatus, err.lines.size], "#{closed}: #{err}"
        assert_match(/cannot start: standard output cannot be written to: /, err)
      end
    end
  end
end
