# frozen_string_literal: true

module Bench
  # Whether a server stays as it is under full load: requests of all kinds, and between two samples
  # all connections anew. What grows, leaks or slows down shows.
  class Soak < Row
    label "soak"
    about "Does anything grow, leak or slow down under full load?"

    SAMPLE_S = 10
    WARM_UP_SHARE = 0.1
    DRIFT_MAX = 0.05
    P99_GROWTH_MAX = 1.5
    SHOWN = 15

    MIXED = App.new(path: "#{ROOT}/bench/apps/soak.ru", **GREETING).freeze

    COLUMNS = [
      *Columns::THROUGHPUT, Columns.median("p99 ms", :p99_us, 2, 1000.0),
      Columns.column("memory drift") { |cell| Columns.percent(cell.median(:drift)) },
      Columns.median("more descriptors", :more_descriptors),
      Columns.column("p99 late ÷ early") { |cell| Columns.number(cell.median(:p99_growth), 2) }, *Columns::COST
    ].freeze

    PLOTS = [
      *{ "Throughput" => ["requests per second", 1, ->(one) { one[:requests] / one[:seconds] }],
         "Memory" => ["MiB", Columns::KIB_PER_MIB, ->(one) { one[:memory_kib] }],
         "Latency" => ["ms, p99", Plots::US_PER_MS, ->(one) { one[:p99_us] }] }.map do |title, (unit, divisor, value)|
        Plots::Series.new("#{title} in the course of the run", unit, divisor: divisor) do |run|
          run[:samples].each_with_index.map { |one, index| [(index + 1) * SAMPLE_S, value.call(one)] }
        end
      end,
      Plots::THROUGHPUT, Plots::CPU
    ].freeze

    def app = MIXED

    def servers = %w[hyperion hyperion-io_uring]

    def cases
      Assets.make
      super
    end

    def runs = 1

    def seconds = @settings.seconds || Settings::SOAK_SECONDS

    def columns = COLUMNS

    def plots = PLOTS

    def measure(kase, process)
      tree = process.tree
      meter = Meter.new(tree)
      samples = Array.new([seconds / SAMPLE_S, 1].max) { sample(kase, process, tree) }
      { **meter.read, **sums(samples), **changes(samples), samples: samples }
    end

    def load(kase, port, seconds)
      Wrk.run(port: port, connections: kase.connections, seconds: seconds, script: "#{Tool::NATIVE}/soak.lua")
    end

    def verdicts(cells)
      cells.flat_map { |cell| cell.runs.flat_map { |run| [judge(cell, run), *table(run[:samples])] } }
    end

    # @param samples [Array<Hash>]
    # @return [Hash{Symbol=>Numeric, nil}] between the first and the last third behind the warm-up
    def changes(samples)
      settled = samples.drop((samples.size * WARM_UP_SHARE).ceil)
      settled = samples if settled.empty?
      third = (settled.size / 3.0).ceil
      early, late = settled.first(third), settled.last(third)
      ratio = ->(key) { Statistics.ratio(*[late, early].map { |part| Statistics.median(part.map { |one| one[key] }) }) }
      { drift: ratio.call(:memory_kib)&.-(1), p99_growth: ratio.call(:p99_us),
        more_descriptors: late.last[:descriptors] - early.first[:descriptors] }
    end

    private

    def sample(kase, process, tree)
      result = load(kase, process.port, SAMPLE_S)
      { **result, memory_kib: tree.memory[:memory_kib], descriptors: tree.settled_descriptors }
    end

    def sums(samples)
      total = ->(key) { samples.sum { |one| one[key] } }
      { requests: total[:requests], seconds: total[:seconds], errors: total[:errors],
        p99_us: Statistics.median(samples.map { |one| one[:p99_us] }) }
    end

    def judge(cell, run)
      faults = []
      faults << "#{run[:errors]} errors" if run[:errors].positive?
      faults << "memory grew by #{Columns.percent(run[:drift])}" if run[:drift].to_f > DRIFT_MAX
      faults << "#{run[:more_descriptors]} more descriptors" if run[:more_descriptors].positive?
      faults << "p99 grew #{Columns.number(run[:p99_growth], 2)} times" if run[:p99_growth].to_f > P99_GROWTH_MAX
      "#{cell.server.label}, #{cell.kase.name}: #{faults.empty? ? "stable" : "not stable: #{faults.join(", ")}"}"
    end

    def table(samples)
      every = (samples.size / SHOWN.to_f).ceil
      samples.each_with_index.filter_map do |one, index|
        next unless (index % every).zero?

        format("  %<at>4d s: %<rps>d r/s, p99 %<p99>.2f ms, %<mib>.1f MiB, %<descriptors>d descriptors, %<errors>d errors",
               at: index * SAMPLE_S, rps: one[:requests] / one[:seconds], p99: one[:p99_us] / 1000.0,
               mib: one[:memory_kib].fdiv(Columns::KIB_PER_MIB), descriptors: one[:descriptors], errors: one[:errors])
      end
    end
  end
end
