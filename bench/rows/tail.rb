# frozen_string_literal: true

module Bench
  # What quick requests wait beside a few slow ones, at a rate that every server can keep up with: an open
  # loop of one process with five threads.
  class Tail < Row
    label "tail"
    about "What does a quick request wait beside a few slow ones?"

    RATE = 300
    CONNECTIONS = 50
    SLOW = { "1 in 100 sleeps 50 ms" => ["/sleep", 100], "1 in 20 burns 20 ms of CPU" => ["/burn", 20] }.freeze

    COLUMNS = [
      Columns.median("answered r/s", :rps),
      *{ "p50" => :quick_p50_us, "p99" => :quick_p99_us, "p99.9" => :quick_p999_us, "max" => :quick_max_us }.map do |name, key|
        Columns.median("quick #{name} ms", key, 2, 1000.0)
      end,
      Columns.ratio("quick p99 ÷ %<peer>s", :quick_p99_us), Columns.median("slow p50 ms", :slow_p50_us, 2, 1000.0),
      Columns.median("slow p99 ms", :slow_p99_us, 2, 1000.0), Columns.total("unanswered", :unanswered), *Columns::COST
    ].freeze

    PLOTS = [
      Plots.latency("Latency of the quick requests", { "p50" => :quick_p50_us, "p99" => :quick_p99_us, "p99.9" => :quick_p999_us,
                                                       "max" => :quick_max_us }),
      Plots.quantiles("Latency of the quick requests by quantile", :quick_histogram, :quick_p99_us),
      Plots.latency("Latency of the slow requests", { "p50" => :slow_p50_us, "p99" => :slow_p99_us }),
      Plots::THROUGHPUT, *Plots::COST
    ].freeze

    def app = App.new(path: "#{ROOT}/bench/apps/tail.ru", **GREETING)

    def cases = SLOW.keys.map { |name| at(CONNECTIONS, name: name, rate: RATE) }

    def columns = COLUMNS

    def plots = PLOTS

    def load(kase, port, seconds)
      target, one_in = SLOW.fetch(kase.name)
      requests = [{ target: "/", weight: one_in - 1 }, { target: target, weight: 1 }]
      result = generate(kase, port, seconds, requests: requests)
      quick, slow = result.delete(:kinds)
      { **result, **named(quick, "quick"), **named(slow, "slow") }
    end

    private

    def named(kind, name) = kind.slice(:p50_us, :p99_us, :p999_us, :max_us, :histogram).transform_keys { |key| :"#{name}_#{key}" }
  end
end
