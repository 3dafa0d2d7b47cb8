# frozen_string_literal: true

module Bench
  # The columns of the tables. Each is a title and a block that gets a cell and the cell of the server
  # that it is compared with, which may be the same or nil, and returns the text. A title names that
  # server where it says %<peer>s.
  module Columns
    Column = Struct.new(:title, :text)

    NONE = "–"
    NOISE = 0.1
    SMALL = 0.1
    KIB_PER_MIB = 1024

    module_function

    def column(title, &block) = Column.new(title, block)

    def median(title, key, digits = 0, divisor = 1.0)
      column(title) { |cell| number(cell.median(key)&./(divisor), digits) }
    end

    def ratio(title, key)
      column(title) do |cell, reference|
        value = Statistics.ratio(cell.median(key), reference&.median(key))
        number(value, value && value < SMALL ? 3 : 2)
      end
    end

    def total(title, key)
      column(title) { |cell| cell.values(key).empty? ? NONE : cell.sum(key).to_s }
    end

    # @return [String] with the thousands apart
    def number(value, digits)
      return NONE unless value

      whole, fraction = format("%.#{digits}f", value).split(".")
      [whole.gsub(/(?<=\d)(?=(\d{3})+\z)/, ","), fraction].compact.join(".")
    end

    def percent(share) = share ? "#{(share * 100).round} %" : NONE

    def cpu_text(cell)
      return NONE unless cell.median(:cpu_per_100k)

      parts = %i[user_per_100k sys_per_100k].map { |key| number(cell.median(key), 2) }
      "#{number(cell.median(:cpu_per_100k), 2)} (#{parts.join(" + ")})"
    end

    def memory_text(cell)
      memory, peak = %i[memory_kib peak_kib].map { |key| number(cell.max(key)&.fdiv(KIB_PER_MIB), 1) }
      peak == NONE ? memory : "#{memory} (#{peak})"
    end

    def note(cell)
      notes = [cell.reason, cell.skipped? ? nil : cell.server.remark]
      noise = cell.max(:other_cpu)
      notes << "other processes took #{percent(noise)} of the CPU" if noise && noise > NOISE
      notes.compact.join("; ")
    end

    THROUGHPUT = [
      median("r/s", :rps),
      column("spread") { |cell| percent(cell.spread(:rps)) },
      ratio("r/s ÷ %<peer>s", :rps)
    ].freeze
    COST = [
      total("errors", :errors),
      column("CPU s per 100,000 (user + sys)") { |cell| cpu_text(cell) },
      ratio("CPU ÷ %<peer>s", :cpu_per_100k),
      column("MiB after (peak)") { |cell| memory_text(cell) },
      column("note") { |cell| note(cell) }
    ].freeze

    LATENCY = { "p50" => :p50_us, "p90" => :p90_us, "p99" => :p99_us, "p99.9" => :p999_us, "max" => :max_us }
              .map { |name, key| median("#{name} ms", key, 2, 1000.0) }.freeze

    CLOSED_LOOP = [*THROUGHPUT, *LATENCY, *COST].freeze
    OPEN_LOOP = [
      median("answered r/s", :rps), *LATENCY, ratio("p99 ÷ %<peer>s", :p99_us), total("unanswered", :unanswered), *COST
    ].freeze
  end
end
