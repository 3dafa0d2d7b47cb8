# frozen_string_literal: true

module Bench
  # Whether each of four workers with one thread gets its share of what many clients ask on a native
  # route: by the requests that each has counted, the worst of all runs.
  class Fairness < Row
    label "fairness"
    about "Does each of four workers get its share of what many clients ask?"

    SECONDS = 30
    THREADS = 8
    VERDICTS = { "balanced" => 1.10, "mild" => 1.50, "severe" => Float::INFINITY }.freeze

    COLUMNS = [
      Columns.median("r/s", :rps),
      Columns.column("least share, worst run") { |cell| Columns.percent(cell.values(:least_share).min) },
      Columns.column("most share, worst run") { |cell| Columns.percent(cell.max(:most_share)) },
      Columns.column("stddev ÷ mean, worst run") { |cell| Columns.percent(cell.max(:deviation)) },
      Columns.column("max ÷ min of each run") { |cell| cell.values(:inequality).map { |value| Columns.number(value, 3) }.join(" ") },
      Columns.column("connections of each worker") { |cell| [cell.values(:fewest).min, cell.max(:most)].compact.uniq.join("–") },
      Columns.column("verdict") { |cell| Fairness.verdict(cell.max(:inequality)) }, *Columns::COST
    ].freeze

    # @param inequality [Float, nil] requests of the busiest worker by those of the idlest
    def self.verdict(inequality) = inequality ? VERDICTS.find { |_, limit| inequality <= limit }.first : Columns::NONE

    def app = Native::STATIC

    def servers = %w[hyperion-w4 hyperion-w4-io_uring hyperion-w4-share hyperion-w4-share-io_uring]

    def cases
      [at(200), at(16), at(200, name: "200 clients, a connection for each request", close: true)]
    end

    def seconds = @settings.seconds || SECONDS

    def columns = COLUMNS

    def measure(kase, process)
      load(kase, process.port, WARM_UP_S)
      before = WorkerCounts.requests(process.port)
      meter = Meter.new(process.tree)
      connections = Thread.new { sleep(seconds / 2.0) && WorkerCounts.connections(process.port) }
      result = { **load(kase, process.port, seconds), **meter.read }
      after = WorkerCounts.requests(process.port)
      { **result, **shares(after.map { |worker, count| count - before.fetch(worker, 0) }), **spread(connections.value, kase) }
    end

    def load(kase, port, seconds)
      Wrk.run(port: port, connections: kase.connections, seconds: seconds, close: kase.close, threads: THREADS)
    end

    # @param counts [Array<Integer>] requests of each worker
    def shares(counts)
      total, mean = counts.sum, counts.sum.fdiv(counts.size)
      deviation = Math.sqrt(counts.sum { |count| (count - mean)**2 } / counts.size)
      { least_share: Statistics.ratio(counts.min, total), most_share: Statistics.ratio(counts.max, total),
        deviation: Statistics.ratio(deviation, mean), inequality: counts.max.fdiv([counts.min, 1].max), workers: counts.sort }
    end

    def verdicts(cells)
      cells.reject { |cell| cell.runs.empty? }.map { |cell| "#{cell.server.label}, #{cell.kase.name}: #{Fairness.verdict(cell.max(:inequality))}" }
    end

    def plots = [Plots::Groups.new("Requests of each worker", "% of all; worst run", digits: 1) { |cell| percentages(cell) }, *super]

    private

    def percentages(cell)
      counts = cell.runs.max_by { |run| run[:inequality] }[:workers]
      counts.map { |count| count * 100.0 / counts.sum }
    end

    # Short connections are over before anybody could count them.
    def spread(connections, kase) = kase.close ? {} : { fewest: connections.min, most: connections.max }
  end
end
