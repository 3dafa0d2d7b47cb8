# frozen_string_literal: true

require_relative "process_case"

# The master and its workers: slots, hooks, deaths and replacements.
class ClusterTest < HyperionTest::ProcessCase
  serve BASIC, "-w", "2", "-t", "2"

  HOOKS = <<~RUBY
    log = ->(line) { File.open(%<path>p, "a") { |io| io.syswrite("\#{line}\\n") } }
    before_fork { log.call("before_fork \#{Process.pid}") }
    on_worker_boot { |slot| log.call("boot \#{slot} \#{Process.pid}") }
    on_worker_shutdown { |slot| log.call("shutdown \#{slot} \#{Process.pid}") }
  RUBY

  def test_each_worker_serves
    assert_equal server.worker_pids.sort, serving_pids(server)
    refute_includes server.worker_pids, server.pid
  end

  def test_share_serves_too
    shared = boot(BASIC, "-w", "2", "--worker-model", "share")
    clients = Array.new(60) { connect(shared).request("GET", "/pid") }
    assert_equal shared.worker_pids.sort, clients.map { |client| Integer(client.response.body) }.uniq.sort
  end

  def test_connections_are_even_whoever_accepts_them
    %w[reuseport share].product(%w[epoll io_uring]).each do |model, io|
      path = "#{dir}/#{model}-#{io}.sock"
      cluster = boot(BASIC, "-w", "4", "-t", "1", "--worker-model", model, "--io", io, "--admin-bind", "unix://#{path}")
      clients = Array.new(40) { connect(cluster) }
      # By connections, not by answers: one that waits for a processor may move on with its request.
      spread = eventually("not all are accepted") { connections(path).then { |counts| counts if counts.sum >= 40 } }
      assert_equal [true] * 4, spread.map { |count| (9..12).cover?(count) }, "#{model}, #{io}: #{spread}"
      clients.each { |client| assert_equal 200, client.get("/pid").status }
      assert_equal 0, cluster.stop.exitstatus
    end
  end

  def test_no_request_waits_for_a_busy_worker_while_another_is_idle
    cluster = boot(BASIC, "-w", "2", "-t", "1")
    clients = Array.new(10) { connect(cluster) }
    clients.first.request("GET", "/wait?until")
    assert clients.first.silent?(0.1)
    pids = clients.drop(1).map { |client| Integer(client.get("/pid").body) }
    assert_equal 1, pids.uniq.size, "the busy one has no thread for them"
    clients[1].get("/open?until")
  end

  def test_one_listening_line_for_the_cluster
    assert_equal 1, server.binds.size
  end

  def test_hooks_run_with_their_slots
    cluster, hooks = boot_with_hooks
    eventually { hooks.call.grep(/\Aboot/).size == 2 }
    assert_equal [cluster.pid.to_s], hooks.call.grep(/before_fork/).map { |line| line.split.last }.uniq
    assert_equal %w[0 1], hooks.call.grep(/\Aboot/).map { |line| line.split[1] }.sort
    assert_match(/before_fork/, hooks.call.first)
    booted = hooks.call.grep(/\Aboot/).map { |line| line.split.drop(1) }.sort
    assert_equal 0, cluster.stop.exitstatus
    assert_equal booted, hooks.call.grep(/shutdown/).map { |line| line.split.drop(1) }.sort
  end

  def test_hooks_of_one_process
    one, hooks = boot_with_hooks("-w", "1")
    eventually { hooks.call.grep(/\Aboot/).size == 1 }
    assert_equal ["boot 0 #{one.pid}"], hooks.call.grep(/\Aboot/)
    one.stop
    assert_equal ["shutdown 0 #{one.pid}"], hooks.call.grep(/shutdown/)
  end

  def test_G3_a_killed_worker_is_replaced_in_its_slot
    cluster, hooks = boot_with_hooks
    eventually { hooks.call.grep(/\Aboot/).size == 2 }
    slots = hooks.call.grep(/\Aboot/).to_h { |line| line.split.drop(1) }
    Process.kill(:KILL, Integer(slots["1"]))
    eventually("no new worker") { hooks.call.grep(/\Aboot 1/).size == 2 }
    assert_equal 1, hooks.call.grep(/\Aboot 0/).size
    eventually { serving_pids(cluster).size == 2 }
    assert_includes serving_pids(cluster), Integer(slots["0"])
    cluster.wait_for_log(/#{slots["1"]}/)
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_G3_a_worker_told_to_end_finishes_its_request_and_is_replaced
    cluster = boot(BASIC, "-w", "2")
    before = cluster.worker_pids.sort
    client = connect(cluster).request("GET", "/sleep?0.4")
    assert client.silent?(0.1)
    before.each { |pid| Process.kill(:TERM, pid) }
    assert_equal "slept", client.response.body
    client.close
    eventually { (cluster.worker_pids & before).empty? && cluster.worker_pids.size == 2 }
    assert_equal 200, get("/pid", to: cluster).status
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_G3_no_connection_is_refused_while_a_worker_is_replaced
    cluster = boot(BASIC, "-w", "2")
    Process.kill(:KILL, cluster.worker_pids.first)
    40.times { assert_equal 200, get("/pid", to: cluster).status }
  end

  def test_G3_a_stopped_worker_is_noticed_and_replaced
    cluster = boot(BASIC, "-w", "2", env: { "HYPERION_WORKER_TIMEOUT" => "2" })
    victim = cluster.worker_pids.first
    Process.kill(:STOP, victim)
    eventually("the stopped worker is still there", timeout: 20) { gone?(victim) }
    eventually { cluster.worker_pids.size == 2 && serving_pids(cluster).size == 2 }
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_W25_workers_end_with_their_master
    cluster = boot(BASIC, "-w", "2")
    workers = cluster.worker_pids
    assert_equal 2, workers.size
    cluster.signal(:KILL)
    eventually("orphans", timeout: 5) { workers.all? { |pid| gone?(pid) } }
  end

  def test_W25_a_busy_worker_ends_with_its_master
    cluster = boot(BASIC, "-w", "2", "--graceful-timeout", "1")
    workers = cluster.worker_pids
    connect(cluster).request("GET", "/spin").silent?(0.2)
    cluster.signal(:KILL)
    eventually("orphans", timeout: 6) { workers.all? { |pid| gone?(pid) } }
  end

  def test_W25_a_worker_that_keeps_dying_is_given_less_and_less_often
    config = <<~RUBY
      on_worker_boot do |slot|
        File.open(#{"#{dir}/boots".inspect}, "a") { |io| io.syswrite("\#{slot}\\n") }
        Thread.new { sleep(0.15) && exit!(9) } if slot == 1
      end
    RUBY
    cluster = boot_with(config, "-w", "2")
    sleep 4
    boots = File.read("#{dir}/boots").lines.map(&:to_i).count(1)
    assert_operator boots, :>, 1, "it is tried again"
    assert_operator boots, :<, 12, "with growing pauses"
    assert_match(/\A\d+\z/, body("/pid", to: cluster))
    assert_includes [0, 1], cluster.stop.exitstatus, "one may die while it drains, which is no clean end"
  end

  def test_preload_loads_the_app_once_in_the_master
    path = "#{dir}/loads"
    ru = file("config.ru", "File.open(#{path.inspect}, 'a') { |io| io.syswrite(\"\#{Process.pid}\\n\") }\n" \
                           "run ->(_) { [200, {}, [Process.pid.to_s]] }\n")
    cluster = boot(ru, "-w", "2")
    assert_equal ["#{cluster.pid}\n"], File.readlines(path)
    File.truncate(path, 0)
    each_loads = boot(ru, "-w", "2", "--no-preload")
    eventually { (each_loads.worker_pids.map { |pid| "#{pid}\n" } - File.readlines(path)).empty? }
  end

  def test_children_that_the_app_made_in_the_master_are_no_workers
    ru = file("config.ru", "fork { sleep(0.3) }\nrun ->(_) { [200, {}, [Process.pid.to_s]] }\n")
    cluster = boot(ru, "-w", "2")
    workers = Array.new(12) { Integer(body("/", to: cluster)) }.uniq.sort
    eventually("the child still runs") { cluster.worker_pids.sort == workers }
    sleep 0.3
    assert_equal workers, cluster.worker_pids.sort
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_more_workers_than_processors
    many = boot(BASIC, "-w", "5", "-t", "1")
    assert_equal 5, many.worker_pids.size
    assert_equal 0, many.stop.exitstatus
  end

  private

  # How many each worker has.
  def connections(path)
    client = HyperionTest::RawClient.unix(path)
    JSON.parse(client.get("/-/stats").body)["workers"].map { |worker| worker["connections_active"] }
  ensure
    client&.close
  end

  def boot_with_hooks(*flags)
    path = "#{dir}/hooks"
    FileUtils.rm_f(path)
    flags = %w[-w 2] if flags.empty?
    [boot_with(format(HOOKS, path: path), *flags), -> { File.exist?(path) ? File.readlines(path, chomp: true) : [] }]
  end
end
