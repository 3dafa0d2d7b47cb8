# frozen_string_literal: true

require_relative "plot"

module Bench
  module Plots
    # How much each share of the requests took at most, from a run that kept a histogram.
    class Quantiles < Plot
      # @param key [Symbol] of an Array of [quantile, value] in a run
      # @param rank [Symbol] key of the number by which the run in the middle is found
      def initialize(title, unit, key, rank:, **rest)
        super(title, unit, **rest)
        @key = key
        @rank = rank
      end

      private

      def picture(cells)
        lines = cells.filter_map { |cell| line(cell) }
        return if lines.empty?

        shares, values = lines.flat_map(&:points).transpose
        Lines.new(lines, Scales::Quantile.new(shares), Scales::Log.new(values))
      end

      def remarks = ["log axis; across: share of the requests, log axis of the rest", "the middle run by p99"]

      # All of them, which are below one, so that each has its place.
      def line(cell)
        runs = cell.runs.select { |run| run[@key] && run[@rank] }.sort_by { |run| run[@rank] }
        points = runs[(runs.size - 1) / 2]&.fetch(@key)&.select { |share, value| share < 1 && value.positive? } || []
        return if points.empty?

        label = cell.server.label
        Lines::Line.new(name: label, colour: Palette.colour(label), points: points.map { |share, value| [share, scaled(value)] })
      end
    end
  end
end
