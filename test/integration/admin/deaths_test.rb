# frozen_string_literal: true

require_relative "admin_case"

# What is told of a process that died, was replaced or does not answer.
class DeathsTest < HyperionTest::AdminCase
  %w[epoll io_uring].each do |driver|
    define_method("test_what_a_killed_worker_counted_stays_and_its_present_goes_#{driver}") do
      cluster = boot(KINDS, "-w", "3", "--io", driver, "--admin-token", TOKEN)
      90.times { get("/", to: cluster) }
      victim = busy_worker(cluster)
      before = dispatched(to: cluster)
      kill(victim, cluster)
      after = dispatched(to: cluster)
      assert_includes before.fetch(victim)..before.fetch(victim) + 1, after.fetch(victim), "who has answered the first scrape counted that behind it"
      assert_equal before.values.sum + 1, after.values.sum
      eventually("the new one is not shown") { present(cluster) == [cluster.worker_pids.sort] * 4 }
      assert_equal 91, total("hyperion_dispatch_mode_total", to: cluster, mode: "rack")
      assert_equal 0, total("hyperion_executors_busy", to: cluster)
      assert_equal [1, 1], [total("hyperion_worker_restarts_total", to: cluster, reason: "signal"), total("hyperion_worker_restarts_total", to: cluster)]
    end
  end

  def test_no_counter_goes_back_when_every_worker_dies
    cluster = boot(KINDS, "-w", "2", "--admin-token", TOKEN)
    ["/", "/block", "/static", "/files/kinds.ru"].each { |path| 5.times { get(path, to: cluster) } }
    connect(cluster).write("GET / HTTP/1.1\r\n\r\n").response
    settled(cluster)
    before = counters(cluster)
    cluster.worker_pids.each { |pid| kill(pid, cluster) }
    after = counters(cluster)
    assert_empty before.reject { |name, value| after.fetch(name, -1) >= value }
    assert_operator before.size, :>, 50
  end

  def test_a_recycled_worker_keeps_its_totals
    cluster = boot(KINDS, "-w", "2", "--worker-max-requests", "20", "--admin-token", TOKEN)
    asked = ask_until_last(connect(cluster))
    old = cluster.wait_for_log(/worker restarted.*"old_pid":(\d+).*"reason":"max_requests"/, timeout: 10)[1].to_i
    eventually("the old one is still shown", timeout: 10) { stats(to: cluster)["workers"].none? { |worker| worker["pid"] == old } }
    assert_operator dispatched(to: cluster).fetch(old), :>=, 20
    assert_equal asked, total("hyperion_dispatch_mode_total", to: cluster, mode: "rack")
    refute_includes samples("hyperion_process_resident_memory_bytes", to: cluster).keys.map { |labels| labels["worker_id"] }, old.to_s
  end

  { "alone" => [], "cluster" => %w[-w 2] }.each do |name, flags|
    %w[epoll io_uring].each do |driver|
      define_method("test_the_pages_are_there_while_every_executor_hangs_#{name}_#{driver}") do
        workers = flags.empty? ? 1 : 2
        hung = boot(KINDS, *flags, "-t", "1", "--io", driver, "--admin-token", TOKEN)
        (workers + 2).times { connect(hung).request("GET", "/sleep?60") }
        eventually { stats(to: hung)["totals"].values_at("executors_busy", "queue_depth") == [workers, 2] }
        8.times do
          now = scrape(to: hung)
          assert_equal [workers, 2], %w[hyperion_executors_busy hyperion_threadpool_queue_depth].map { |gauge| now.fetch(gauge).values.sum }
          assert_equal [200, 200, 401], %w[health ready stats].map { |page| get("/-/#{page}", to: hung).status }
        end
        hung.signal(:KILL)
      end
    end
  end

  private

  # A worker with a request that does not end.
  def busy_worker(cluster)
    connect(cluster).request("GET", "/sleep?60")
    eventually("nobody works") do
      found = samples("hyperion_executors_busy", to: cluster).select { |_, busy| busy == 1 }.keys.first
      found && found["worker_id"].to_i
    end
  end

  # Asks on one connection until its worker has had enough.
  # @return [Integer] how often
  def ask_until_last(client) = 1.step.find { client.get("/").close? }

  def kill(victim, cluster)
    from = cluster.log.size
    Process.kill(:KILL, victim)
    cluster.wait_for_log(/worker restarted.*"old_pid":#{victim}/, from: from, timeout: 10)
  end

  # Of whom the gauges tell, each.
  def present(cluster)
    now = scrape(to: cluster)
    %w[hyperion_executors_busy hyperion_threadpool_queue_depth hyperion_io_uring_workers_active hyperion_process_resident_memory_bytes]
      .map { |name| now.fetch(name).keys.map { |labels| labels["worker_id"].to_i }.sort }
  end

  # All that was asked for has ended as well.
  def settled(cluster)
    eventually { total("hyperion_connections_active", to: cluster) == 1 }
  end

  # @return [Hash{String=>Float}] the counters among all samples, by name and labels
  def counters(cluster)
    families(to: cluster).values.select { |family| family.type == "counter" }.flat_map(&:samples).to_h { |name, labels, value| ["#{name}#{labels}", value] }
  end
end
