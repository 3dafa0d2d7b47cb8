# frozen_string_literal: true

require_relative "process_case"
require "support/load"

# Workers that have served enough, or have grown too large, are replaced while they serve.
class RecyclingTest < HyperionTest::ProcessCase
  HOOKS = <<~RUBY
    log = ->(line) { File.open(%<path>p, "a") { |io| io.syswrite("\#{line} \#{Process.pid}\\n") } }
    on_worker_boot { |slot| log.call("boot \#{slot}") }
    on_worker_shutdown { |slot| log.call("shutdown \#{slot}") }
  RUBY
  # Its requests each take memory that is never given back.
  LEAK = "KEPT = []\nrun ->(env) { KEPT << 'x' * (40 << 20) if env['PATH_INFO'] == '/grow'; [200, {}, [Process.pid.to_s]] }\n"
  RESTARTED = /worker restarted.*"slot":(\d+).*"old_pid":(\d+),"new_pid":(\d+),"reason":"(\w+)"/

  { "reuseport" => %w[epoll io_uring], "share" => %w[epoll] }.each do |model, drivers|
    drivers.each do |driver|
      define_method("test_no_request_fails_while_workers_of_#{model}_are_replaced_under_#{driver}") do
        cluster = boot(BASIC, "-w", "2", "-t", "2", "--worker-model", model, "--io", driver, "--worker-max-requests", "300")
        load = HyperionTest::Load.new(cluster, "/pid")
        ending { load.stop }
        eventually("too few workers came", timeout: 60) { load.failures.any? || load.answers.size >= 8 }
        load.stop
        assert_empty load.failures
        assert_operator load.answers.values.sum, :>, 1500
        assert_equal 0, cluster.stop.exitstatus
      end
    end
  end

  def test_no_request_fails_while_workers_of_a_unix_socket_are_replaced
    cluster = boot(BASIC, "-w", "2", "-b", "unix://#{dir}/sock", "--worker-max-requests", "300", bind: false)
    load = HyperionTest::Load.new(cluster, "/pid")
    ending { load.stop }
    eventually("too few workers came", timeout: 60) { load.failures.any? || load.answers.size >= 6 }
    assert_empty load.stop.failures
    assert_equal 0, cluster.stop.exitstatus
    refute_path_exists "#{dir}/sock"
  end

  def test_a_worker_that_served_enough_has_its_successor_first_in_the_same_slot
    path = "#{dir}/hooks"
    cluster = boot_with(format(HOOKS, path: path), "-w", "2", "--worker-max-requests", "20")
    old = spend(cluster)
    slot, _, new = cluster.wait_for_log(/worker restarted.*"slot":(\d).*"old_pid":(#{old}),"new_pid":(\d+),"reason":"max_requests"/, timeout: 10).captures
    eventually("the old worker is still there") { gone?(old) }
    mine = File.readlines(path, chomp: true).grep(/\A\w+ #{slot} /)
    assert_equal ["boot #{slot} #{old}", "boot #{slot} #{new}", "shutdown #{slot} #{old}"], mine.first(3)
  end

  def test_a_request_in_flight_is_answered_by_the_old_worker_while_its_successor_serves
    cluster = boot(BASIC, "-w", "2", "-t", "2", "--worker-max-requests", "20")
    waiting = connect(cluster)
    held = Integer(waiting.get("/pid").body)
    waiting.request("GET", "/wait?long")
    others = Array.new(30) { connect(cluster) }.select { |client| Integer(client.get("/pid").body) == held }
    refute_empty others
    spend(cluster, pid: held)
    cluster.wait_for_log(/worker restarted.*"old_pid":#{held}/, timeout: 10)
    cluster.wait_for_log(/last call.*"pid":"?#{held}\b/)
    assert_equal ["opened", true], others.first.get("/open?long").then { |answer| [answer.body, answer.close?] }
    assert_equal ["waited", true], waiting.response.then { |answer| [answer.body, answer.close?] }
    eventually("the old worker is still there", timeout: 15) { gone?(held) }
  end

  def test_a_resting_connection_has_one_more_request_with_the_old_worker
    cluster = boot(BASIC, "-w", "2", "--worker-max-requests", "20")
    resting = connect(cluster)
    old = Integer(resting.get("/pid").body)
    spend(cluster, pid: old)
    cluster.wait_for_log(/last call.*"pid":"?#{old}\b/, timeout: 10)
    assert_last resting, old
    assert_ended resting
  end

  def test_a_worker_that_grew_too_large_is_replaced
    cluster = boot(file("config.ru", LEAK), "-w", "2", "--worker-max-rss-mb", "150")
    client = connect(cluster)
    grown = Hash.new(0)
    grown[Integer(client.get("/grow").body)] += 1 until grown.value?(5)
    old = grown.key(5)
    cluster.wait_for_log(/worker \d \(#{old}\) is to be replaced.*"reason":"max_rss","mb":2\d\d/, timeout: 15)
    assert_equal "max_rss", cluster.wait_for_log(RESTARTED)[4]
    cluster.wait_for_log(/last call.*"pid":"?#{old}\b/)
    assert_last client, old
    eventually("the old worker is still there") { gone?(old) }
  end

  def test_a_limit_below_what_a_worker_is_born_with_is_told_and_replaces_nobody
    cluster = boot(BASIC, "-w", "2", "--worker-max-rss-mb", "1")
    cluster.wait_for_log(/worker_max_rss_mb has no effect: a worker that has served no request uses \d+ MB/)
    before = cluster.worker_pids.sort
    sleep 6 # What must not happen has no event; it would be at the next measuring.
    assert_equal before, cluster.worker_pids.sort
  end

  def test_a_successor_that_cannot_boot_leaves_the_old_worker_serving
    config = "on_worker_boot { raise 'no luck' if File.exist?(#{"#{dir}/bad".inspect}) }\n"
    cluster = boot_with(config, "-w", "2", "--worker-max-requests", "20")
    file("bad", "")
    old = spend(cluster)
    cluster.wait_for_log(/no luck/, timeout: 10)
    refute gone?(old)
    assert_equal 200, get("/pid", to: cluster).status
    File.unlink("#{dir}/bad")
    assert_equal old.to_s, cluster.wait_for_log(RESTARTED, timeout: 10)[2]
  end

  def test_G4_term_while_a_successor_boots
    config = "on_worker_boot { sleep if File.exist?(#{"#{dir}/slow".inspect}) }\n"
    cluster = boot_with(config, "-w", "2", "--worker-max-requests", "20")
    file("slow", "")
    spend(cluster)
    eventually("no successor", timeout: 10) { cluster.worker_pids.size == 3 }
    assert_equal 0, cluster.stop.exitstatus
    assert_empty cluster.pids
  end

  def test_G4_term_while_an_old_worker_finishes
    cluster = boot(BASIC, "-w", "2", "--worker-max-requests", "20")
    resting = connect(cluster)
    old = Integer(resting.get("/pid").body)
    spend(cluster, pid: old)
    cluster.wait_for_log(/last call.*"pid":"?#{old}\b/, timeout: 10)
    assert_equal 3, cluster.worker_pids.size, cluster.log
    took = elapsed { assert_equal 0, cluster.stop.exitstatus }
    assert_operator took, :<, 2, "nobody waits for the last call"
    assert_empty cluster.pids
  end

  def test_W16_without_a_master_the_limits_are_told_to_have_no_effect
    _, err, = run_hyperion("check", "--worker-max-requests", "5", "--worker-max-rss-mb", "auto", BASIC)
    alone = boot(BASIC, "--worker-max-requests", "5")
    alone.wait_for_log(/--worker-max-requests: has no effect/)
    assert_empty err
  end

  private

  # The connection has one more request with its worker; another one that the last call has not overtaken.
  def assert_last(client, worker)
    answer = client.get("/pid")
    answer = client.get("/pid") unless answer.close?
    assert_equal [worker.to_s, true], [answer.body, answer.close?]
  end

  # Asks one worker often enough that it wants a successor.
  # @return [Integer] its PID
  def spend(cluster, pid: nil)
    answered = 0
    until answered == 25 || cluster.log.include?("(#{pid}) is to be replaced")
      client = connect(cluster)
      # A request that has to wait moves to an idle sibling, and its connection with it.
      while answered < 25
        answer = client.get("/pid")
        pid ||= Integer(answer.body)
        break unless answer.body == pid.to_s

        answered += 1
        break if answer.close?
      end
      client.close
    end
    pid
  end
end
