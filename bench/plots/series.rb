# frozen_string_literal: true

require_relative "plot"

module Bench
  module Plots
    # How a number goes on in the course of a run.
    class Series < Plot
      # @yieldparam run [Hash{Symbol=>Object}]
      # @yieldreturn [Array<Array(Numeric, Numeric)>] second and value of each sample
      def initialize(title, unit, **rest, &points)
        super(title, unit, **rest)
        @points = points
      end

      private

      def picture(cells)
        lines = cells.filter_map { |cell| line(cell) }
        return if lines.empty?

        seconds, values = lines.flat_map(&:points).transpose
        Lines.new(lines, Scales::Linear.new(seconds), Scales::Linear.new(values))
      end

      def remarks = ["across: seconds", "the last run"]

      def line(cell)
        points = @points.call(cell.runs.last)
        label = cell.server.label
        Lines::Line.new(name: label, colour: Palette.colour(label), points: points.map { |at, value| [at, scaled(value)] }) if points.any?
      end
    end
  end
end
