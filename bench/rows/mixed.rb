# frozen_string_literal: true

module Bench
  # Quick and slow requests together, on connections that stay, for four workers of one thread that are
  # busy for 70 % of the time: whether a quick one waits behind a slow one while another worker is idle.
  # Both are offered in open loops. The measure is one common queue.
  class Mixed < Row
    label "mixed"
    about "Does a quick request wait behind a slow one while another worker is idle?"

    SECONDS = 20
    THREADS = 4
    # Requests per second, seconds of each, and connections.
    FAST = [260, 0.005, 40].freeze
    SLOW = [3, 0.5, 20].freeze
    APP = App.new(path: "#{ROOT}/bench/apps/mixed.ru", **GREETING).freeze

    COLUMNS = [
      Columns.median("answered r/s", :rps), Columns.median("fast p50 ms", :p50_us, 2, 1000.0), Columns.median("fast p90 ms", :p90_us, 2, 1000.0),
      Columns.median("fast p99 ms", :p99_us, 2, 1000.0), Columns.median("fast max ms", :max_us, 2, 1000.0),
      Columns.median("slow p99 ms", :slow_p99_us, 1, 1000.0), Columns.median("fast p99 ms of one queue", :ideal_p99_us, 2, 1000.0),
      Columns.column("fast p99 ÷ one queue") { |cell| Columns.number(Statistics.ratio(cell.median(:p99_us), cell.median(:ideal_p99_us)), 2) },
      Columns.total("unanswered", :unanswered), *Columns::COST
    ].freeze

    PLOTS = [
      Plots.latency("Latency of the quick requests", { "p50" => :p50_us, "p90" => :p90_us, "p99" => :p99_us, "max" => :max_us,
                                                       "p99 of one common queue" => :ideal_p99_us }),
      Plots.quantiles("Latency of the quick requests by quantile", :histogram, :p99_us),
      Plots.latency("Latency of the slow requests", { "p99" => :slow_p99_us }), *Plots::COST
    ].freeze

    def app = APP

    def cases = [at(FAST.last + SLOW.last, name: "#{FAST.first} × 5 ms and #{SLOW.first} × 500 ms a second")]

    def servers = %w[hyperion-w4 hyperion-w4-io_uring puma-w4]

    def seconds = @settings.seconds || SECONDS

    def columns = COLUMNS

    def plots = PLOTS

    def load(_kase, port, seconds)
      slow = Thread.new { offer(port, SLOW, "/slow", seconds) }
      fast, slow = offer(port, FAST, "/fast", seconds), slow.value
      both = %i[requests errors unanswered].to_h { |key| [key, fast[key] + slow[key]] }
      { **fast.slice(:seconds, :p50_us, :p90_us, :p99_us, :max_us, :histogram), **both, slow_p99_us: slow[:p99_us], ideal_p99_us: ideal_us(seconds) }
    end

    private

    def offer(port, (rate, _, connections), target, seconds)
      LoadGenerator.run(port: port, connections: connections, seconds: seconds, rate: rate, target: target)
    end

    def ideal_us(seconds)
      streams = { fast: FAST.first(2), slow: SLOW.first(2) }
      CommonQueue.percentile(CommonQueue.latencies(streams, threads: THREADS, seconds: seconds)[:fast], 0.99) * 1e6
    end
  end
end
