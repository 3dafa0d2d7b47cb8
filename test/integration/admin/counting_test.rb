# frozen_string_literal: true

require_relative "admin_case"

# Each request counts once, whoever answers it, on whatever process, and any process tells of all.
class CountingTest < HyperionTest::AdminCase
  SERVERS = {
    "alone" => [], "cluster" => %w[-w 3], "cluster_sharing_a_socket" => %w[-w 3 --worker-model share]
  }.freeze
  COUNTS = { "/" => 40, "/block" => 30, "/static" => 20, "/files/kinds.ru" => 10 }.freeze
  REJECTED = 7

  SERVERS.each do |name, flags|
    %w[epoll io_uring].each do |driver|
      define_method("test_each_request_counts_once_#{name}_#{driver}") do
        counting = boot(KINDS, *flags, "--io", driver, "--admin-token", TOKEN)
        before = scrape(to: counting)
        ask_for_all(counting)
        after = scrape(to: counting)
        # A scrape is a request, too: the one before counts by now, this one does not yet.
        assert_equal({ "rack" => 40, "block" => 30, "native" => 21, "file" => 10 }, grown(before, after, "hyperion_dispatch_mode_total", "mode"))
        assert_equal 101, grown(before, after, "hyperion_requests_dispatch_total", "worker_id").values.sum
        assert_equal 101, grown(before, after, "hyperion_requests_total", nil).values.sum
        assert_equal({ "missing_host" => REJECTED }, grown(before, after, "hyperion_rejections_total", "reason").reject { |_, count| count.zero? })
        assert_one_driver(after, counting)
      end
    end
  end

  def test_responses_and_durations_have_the_same_sums
    counting = boot(KINDS, "--admin-token", TOKEN)
    ask_for_all(counting)
    eventually("responses are missing") do
      now = scrape(to: counting)
      by_path = now.fetch("hyperion_request_duration_seconds_count").group_by { |labels, _| labels["path"] }.transform_values { |all| all.sum(&:last) }
      by_path.slice("/", "/block", "/static", "/files/*") == { "/" => 40, "/block" => 30, "/static" => 20, "/files/*" => 10 } &&
        now.fetch("hyperion_responses_status_total").slice({ "status" => "400" }).values == [REJECTED]
    end
  end

  def test_without_native_routes_they_count_the_same
    counting = boot(KINDS, "--no-native-routes", "--admin-token", TOKEN)
    before = scrape(to: counting)
    ask_for_all(counting)
    after = scrape(to: counting)
    assert_equal({ "rack" => 40, "block" => 30, "native" => 21, "file" => 10 }, grown(before, after, "hyperion_dispatch_mode_total", "mode"))
    assert_equal 100, after.fetch("hyperion_queue_seconds_count").values.sum - before.fetch("hyperion_queue_seconds_count").values.sum
  end

  %w[epoll io_uring].each do |driver|
    define_method("test_W15_one_scrape_from_any_worker_shows_all_#{driver}") do
      cluster = boot(KINDS, "-w", "3", "--io", driver, "--admin-token", TOKEN)
      60.times { get("/", to: cluster) }
      scrapes = Array.new(30) { dispatched(to: cluster) }
      assert_equal Array.new(30) { |before| 60 + before }, scrapes.map { |counts| counts.values.sum }
      assert_equal [cluster.worker_pids.sort], scrapes.map { |counts| counts.keys.reject(&:zero?).sort }.uniq
      answered = scrapes.each_cons(2).map { |one, following| following.find { |pid, count| count > one[pid] }.first }
      assert_equal cluster.worker_pids.sort, answered.uniq.sort, "some worker was never asked"
    end
  end

  def test_requests_of_one_connection_and_heads_count_like_any_other
    before = scrape
    client = connect
    client.write("HEAD /static HTTP/1.1\r\nHost: a\r\n\r\nGET /static?a HTTP/1.1\r\nHost: a\r\n\r\nGET /block HTTP/1.1\r\nHost: a\r\n\r\n")
    assert_equal [200, 200, 200], [client.response(head: true), client.response, client.response].map(&:status)
    assert_equal({ "rack" => 0, "block" => 1, "native" => 3, "file" => 0 }, grown(before, scrape, "hyperion_dispatch_mode_total", "mode"))
  end

  private

  def ask_for_all(to)
    COUNTS.each do |path, count|
      count.times { |index| assert_equal 200, get(index.zero? ? "#{path}?q" : path, to: to).status }
    end
    REJECTED.times { assert_equal 400, connect(to).write("GET / HTTP/1.1\r\n\r\n").response.status }
  end

  # What came to a family between two scrapes, by the values of a label.
  def grown(before, after, name, label)
    sum = ->(scrape) { scrape.fetch(name, {}).each_with_object(Hash.new(0)) { |(labels, value), sums| sums[label && labels[label]] += value.to_i } }
    then_ = sum.call(before)
    sum.call(after).to_h { |value, count| [value, count - then_[value]] }
  end

  # The one that the banner names; where the kernel refuses io_uring that is the other.
  def assert_one_driver(scrape, to)
    driver = to.log[/^ +I\/O +(\w+)$/, 1]
    assert_equal [driver], scrape.fetch("hyperion_dispatch_mode_total").select { |_, count| count.positive? }.map { |labels, _| labels["driver"] }.uniq
    assert_equal [driver == "io_uring" ? 1 : 0], scrape.fetch("hyperion_io_uring_workers_active").values.uniq
  end
end
