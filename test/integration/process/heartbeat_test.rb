# frozen_string_literal: true

require_relative "process_case"

# Workers that live and are of no use: found, named with their backtraces, and replaced.
class HeartbeatTest < HyperionTest::ProcessCase
  # `/frozen` sleeps without giving up the interpreter's lock, as a bad extension does.
  FROZEN = <<~RUBY
    require "fiddle"
    SLEEP = Fiddle::Function.new(Fiddle.dlopen(nil)["sleep"], [Fiddle::TYPE_INT], Fiddle::TYPE_INT, need_gvl: true)
    run ->(env) { env["PATH_INFO"] == "/frozen" && SLEEP.call(Integer(env["QUERY_STRING"])); [200, {}, [Process.pid.to_s]] }
  RUBY
  WATCHFUL = ["-w", "2", "-t", "1", "--worker-timeout", "2", "--graceful-timeout", "1"].freeze

  %w[epoll io_uring].each do |driver|
    define_method("test_I3_workers_whose_executors_hang_are_replaced_and_their_waiting_requests_served_#{driver}") do
      cluster = boot(BASIC, *WATCHFUL, "--io", driver, "--admin-token", "token")
      before = cluster.worker_pids.sort
      hung = Array.new(2) { connect(cluster).request("GET", "/wait?forever").tap { |client| assert client.silent?(0.3) } }
      waiting = Array.new(8) { connect(cluster).request("GET", "/pid") }
      before.each do |pid|
        cluster.wait_for_log(/worker \d \(#{pid}\): thread hyperion executor 0 sleeps.*basic\.ru:\d+/, timeout: 10)
        cluster.wait_for_log(/worker \d \(#{pid}\): thread main sleeps.*worker_life\.rb:\d+/)
        cluster.wait_for_log(/worker \d \(#{pid}\) has \d+ requests waiting and has begun none of them for 0\.7 s/)
        cluster.wait_for_log(/worker \d \(#{pid}\) has made no progress for 2 s while requests wait, and is replaced/)
        cluster.wait_for_log(/worker restarted.*"old_pid":#{pid},.*"reason":"timeout"/)
      end
      assert_empty waiting.map { |client| Integer(client.response(timeout: 20).body) } & before
      assert_equal 2, body("/-/metrics", to: cluster, "x-hyperion-admin-token" => "token")[/^hyperion_worker_stalls_total (\d+)/, 1].to_i
      eventually("an old worker is still there", timeout: 15) { before.all? { |pid| gone?(pid) } }
      hung.each(&:close)
      assert_equal 0, cluster.stop.exitstatus
    end
  end

  def test_a_worker_that_is_busy_while_nobody_waits_is_left_alone
    cluster = boot(BASIC, *WATCHFUL, "-t", "2")
    before = cluster.worker_pids.sort
    busy = Array.new(2) { connect(cluster).request("GET", "/sleep?5") }
    assert_equal %w[slept slept], busy.map { |client| client.response.body }
    assert_equal before, cluster.worker_pids.sort
    refute_match(/waiting|no heartbeat/, cluster.log)
  end

  def test_a_queue_that_moves_is_progress_however_long_it_is
    cluster = boot(BASIC, *WATCHFUL)
    before = cluster.worker_pids.sort
    waiting = Array.new(20) { connect(cluster).request("GET", "/sleep?0.5") }
    assert_equal ["slept"], waiting.map { |client| client.response(timeout: 20).body }.uniq
    assert_equal before, cluster.worker_pids.sort
    refute_match(/begun none/, cluster.log)
  end

  def test_G3_a_worker_that_runs_no_ruby_is_told_by_what_the_kernel_knows_and_replaced
    cluster = boot(file("config.ru", FROZEN), *WATCHFUL)
    victim = Integer(get("/", to: cluster).body)
    frozen = Array.new(12) { connect(cluster).request("GET", "/frozen?60") }
    cluster.wait_for_log(/worker \d \(#{victim}\) does not answer: thread \d+ [^"]*, state \w/, timeout: 10)
    cluster.wait_for_log(/worker \d \(#{victim}\) has sent no heartbeat for 2 s and is killed/)
    cluster.wait_for_log(/worker restarted.*"old_pid":#{victim},.*"reason":"timeout"/)
    assert_raises(HyperionTest::RawClient::Ended) { frozen.each(&:response) }
    eventually { serving_pids(cluster).size == 2 }
  end

  def test_a_worker_that_was_silent_for_less_goes_on
    cluster = boot(file("config.ru", FROZEN), *WATCHFUL, "--worker-timeout", "4")
    client = connect(cluster)
    silent = client.get("/frozen?3").body
    assert_equal 200, client.get("/").status, "whoever is idle may answer"
    assert_includes cluster.worker_pids, Integer(silent)
    refute_match(/no heartbeat/, cluster.log)
  end

  def test_a_worker_stopped_for_good_is_killed_while_it_leaves_too
    cluster = boot(BASIC, "-w", "2", "--worker-max-requests", "20")
    resting = connect(cluster)
    old = Integer(resting.get("/pid").body)
    others = Array.new(12) { connect(cluster) }.select { |client| Integer(client.get("/pid").body) == old }
    25.times { others.first.get("/pid") }
    cluster.wait_for_log(/last call/, timeout: 10)
    Process.kill(:STOP, old)
    cluster.wait_for_log(/\(#{old}\) was stopped 5 s ago and does not go on and is killed/, timeout: 10)
    eventually { gone?(old) }
    assert_equal 0, cluster.stop.exitstatus
  end
end
