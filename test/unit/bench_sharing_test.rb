# frozen_string_literal: true

require "minitest/autorun"
require_relative "../../bench/bench"

module BenchTest
  # The arithmetic of the rows about workers that share.
  class BenchSharingTest < Minitest::Test
    SETTINGS = Bench::Settings.new([])

    def test_shares_of_workers
      shares = Bench::Fairness.new(SETTINGS).shares([100, 150, 100, 50])
      assert_equal [0.125, 0.375, 3.0, [50, 100, 100, 150]], shares.values_at(:least_share, :most_share, :inequality, :workers)
      assert_in_delta 0.3536, shares[:deviation], 0.0001
      assert_equal 100.0, Bench::Fairness.new(SETTINGS).shares([100, 0])[:inequality]
    end

    def test_verdicts
      verdicts = [1.0, 1.10, 1.11, 1.5, 1.51, nil].map { |inequality| Bench::Fairness.verdict(inequality) }
      assert_equal %w[balanced balanced mild mild severe –], verdicts
    end

    def test_requests_of_workers_in_a_scrape
      text = "# TYPE x counter\nhyperion_requests_dispatch_total{worker_id=\"12\"} 7\nhyperion_requests_dispatch_total{worker_id=\"retired\"} 9\n"
      assert_equal({ "12" => 7 }, Bench::WorkerCounts.parse_requests(text))
    end

    def test_a_common_queue_with_a_free_thread_makes_nobody_wait
      found = Bench::CommonQueue.latencies({ fast: [10, 0.005], slow: [1, 0.5] }, threads: 2, seconds: 10)
      assert_equal [100, 10], found.values.map(&:size)
      assert_in_delta 0.005, found[:fast].max
    end

    def test_a_common_queue_of_one_thread_lets_the_quick_wait_for_the_slow
      found = Bench::CommonQueue.latencies({ slow: [1, 0.5], fast: [2, 0.1] }, threads: 1, seconds: 1)
      assert_equal [[0.5], [0.2, 0.6]], [found[:slow], found[:fast].map { |latency| latency.round(3) }]
    end

    def test_percentiles_of_sorted_values
      assert_equal [1, 50, 99, 100], [0.001, 0.5, 0.99, 1.0].map { |share| Bench::CommonQueue.percentile((1..100).to_a, share) }
      assert_nil Bench::CommonQueue.percentile([], 0.5)
    end

    def test_the_plot_has_a_bar_for_each_worker_of_the_worst_run
      row = Bench::Fairness.new(SETTINGS)
      cell = Bench::Cell.new(row, row.cases.first, Bench::Server.named("hyperion-w4").new(SETTINGS))
      run = { requests: 400, seconds: 1.0, errors: 0, cpu_user_s: 0.1, cpu_sys_s: 0.1 }
      [[100, 100, 100, 100], [50, 100, 100, 150]].each { |counts| cell.add(**run, **row.shares(counts)) }
      figure = row.plots.first.figure([cell])
      assert_equal %w[12.5 25.0 25.0 37.5], figure.scan(%r{class="number">([^<]*)</text>}).flatten
      least, *, most = figure.scan(/<rect [^>]*width="([\d.]+)"/).flatten.map(&:to_f)
      assert_in_delta 3.0, most / least, 0.01
    end
  end
end
