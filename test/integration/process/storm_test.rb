# frozen_string_literal: true

require_relative "process_case"
require "support/load"

# Workers are killed at random while clients ask. HYPERION_STORM_S prolongs it.
class StormTest < HyperionTest::ProcessCase
  SECONDS = Float(ENV.fetch("HYPERION_STORM_S", "8"))
  PAUSES_S = (0.2..0.6)
  # A client finds out a little later than the killer.
  MARGIN_S = 0.1
  TOKEN = "open-sesame"

  Kill = Struct.new(:pid, :began, :ended)

  { "reuseport" => "epoll", "share" => "epoll", "rings" => "io_uring" }.each do |name, driver|
    define_method("test_G3_a_storm_costs_only_what_was_inside_the_killed_workers_of_#{name}") do
      model = name == "share" ? "share" : "reuseport"
      cluster = boot(BASIC, "-w", "4", "-t", "2", "--worker-model", model, "--io", driver, "--admin-token", TOKEN)
      load = HyperionTest::Load.new(cluster, "/pid")
      ending { load.stop }
      kills = storm(cluster)
      eventually("the killed are not replaced", timeout: 15) { cluster.worker_pids.size == 4 }
      before = load.answers.values.sum
      eventually("nobody is answered behind the storm", timeout: 15) { load.answers.values.sum > before + 100 }
      load.stop
      tell(name, load, kills)
      assert_lost_inside(load, kills)
      assert_restarts_told(cluster, kills)
      assert_counted(cluster, load, kills)
      assert_equal 0, cluster.stop.exitstatus
    end
  end

  private

  def storm(cluster)
    random = Random.new(Minitest.seed)
    over = monotonic + SECONDS
    kills = []
    while monotonic < over
      sleep(random.rand(PAUSES_S))
      pid = cluster.worker_pids.sample(random: random) or next
      began = monotonic
      Process.kill(:KILL, pid)
      kills << Kill.new(pid, began, monotonic)
    end
    kills
  end

  def tell(name, load, kills)
    return unless ENV["HYPERION_STORM_S"]

    puts "#{name}: #{kills.size} kills, #{load.answers.values.sum} answers of #{load.answers.size} workers, #{load.failures.size} lost"
  end

  # Each connection that failed belonged to a killed worker: by the PID of its earlier answers, or
  # because a worker was killed while its request was under way; that may have been with another worker.
  def assert_lost_inside(load, kills)
    killed = kills.map(&:pid)
    strangers = load.failures.reject do |failure|
      next true if killed.include?(failure.pid)

      failure.error.is_a?(HyperionTest::RawClient::Ended) &&
        kills.any? { |kill| kill.began <= failure.ended && kill.ended >= failure.began - MARGIN_S }
    end
    assert_empty strangers, "these were not inside a killed worker (#{kills.size} kills)"
    assert_operator load.failures.size, :<=, kills.size * 8, "a kill costs each client one request at most"
    assert_operator load.answers.values.sum, :>, load.failures.size * 10
  end

  def assert_restarts_told(cluster, kills)
    told = -> { cluster.log.scan(/worker restarted.*"old_pid":(\d+),.*"reason":"signal"/).map { |found,| found.to_i } }
    missing = nil
    eventually("not told: #{missing}") { (missing = kills.map(&:pid).uniq - told.call).empty? }
  end

  # What was answered is counted once, what was lost at most once, and what the dead have counted stays.
  def assert_counted(cluster, load, kills)
    answered = load.answers.values.sum
    page = scrape(cluster)
    dispatched = sum(page, "hyperion_dispatch_mode_total", /mode="rack"/)
    assert_includes answered..answered + load.failures.size, dispatched
    assert_equal dispatched, sum(page, "hyperion_requests_dispatch_total"), "by process it is the same number"
    assert_equal kills.map(&:pid).uniq.size, sum(page, "hyperion_worker_restarts_total", /reason="signal"/)
    300.times { assert_equal 200, get("/pid", to: cluster).status }
    again = scrape(cluster)
    assert_equal dispatched + 300, sum(again, "hyperion_dispatch_mode_total", /mode="rack"/)
    # The page is asked for over a connection itself; the workers notice soon that the others have ended.
    eventually("connections are left") { sum(scrape(cluster), "hyperion_connections_active") == 1 }
    assert_equal 0, sum(again, "hyperion_engine_panics_total")
  end

  def scrape(cluster) = get("/-/metrics", to: cluster, "x-hyperion-admin-token" => TOKEN).body

  def sum(page, name, labels = //)
    page.scan(/^#{name}(\S*) (\d+)/).sum { |found, count| labels.match?(found) ? Integer(count) : 0 }
  end
end
