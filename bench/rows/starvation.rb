# frozen_string_literal: true

module Bench
  # Whether every connection gets its share: of keep-alive connections in a closed loop none is to be
  # served less than half the median of all.
  class Starvation < Row
    label "starvation"
    about "Does every connection of a closed loop get its share?"

    SHARE = 0.5

    COLUMNS = [
      *Columns::THROUGHPUT, Columns.median("least", :least), Columns.median("median", :middle),
      Columns.median("most", :most),
      Columns.column("least ÷ median, worst run") { |cell| Columns.number(cell.values(:least_share).min, 2) },
      Columns.column("below half, worst run") { |cell| cell.max(:starved)&.to_s || Columns::NONE }, *Columns::COST
    ].freeze

    SERVED = Plots::Dots.new("Responses of each connection", "in a run", { "least" => :least, "median" => :middle, "most" => :most },
      written: "least", scale: Plots::Scales::Linear)

    def columns = COLUMNS

    def plots = [SERVED, *super]

    def load(kase, port, seconds)
      result = generate(kase, port, seconds)
      { **result, **shares(result[:per_connection]) }
    end

    # @param counts [Array<Integer>] responses of each connection
    # @return [Hash{Symbol=>Numeric}]
    def shares(counts)
      middle = Statistics.median(counts)
      { least: counts.min, middle: middle, most: counts.max, least_share: Statistics.ratio(counts.min, middle) || 0.0,
        starved: counts.count { |count| count < middle * SHARE || count.zero? } }
    end

    def verdicts(cells)
      cells.reject { |cell| cell.runs.empty? }.map do |cell|
        starved = cell.max(:starved)
        fair = starved.zero? ? "fair" : "unfair: #{starved} served less than half the median"
        "#{cell.server.label}, #{cell.kase.name}: #{fair}"
      end
    end
  end
end
