# frozen_string_literal: true

require_relative "plot"

module Bench
  module Plots
    # A bar from zero for each server: the numbers that it is the sum of, end to end.
    class Bars < Plot
      # @param parts [Hash{String=>Symbol}] keys of the numbers by their names
      # @param total [Symbol] key of their sum, where there are several
      # @param beyond [Hash{String=>Symbol}] up to where the bar goes on faintly
      # @param pick [Symbol] median, or max for the largest of the runs; a median has whiskers
      def initialize(title, unit, parts, total: parts.values.last, beyond: {}, pick: :median, **rest)
        super(title, unit, **rest)
        @parts = parts
        @total = total
        @beyond = beyond
        @pick = pick
      end

      private

      def picture(cells)
        return if cells.all? { |cell| cell.values(@total).empty? }

        lanes = cells.map { |cell| lane(cell) }
        Lanes.new(lanes, Scales::Linear.new(lanes.flat_map(&:extent)), legend: legend(cells))
      end

      def remarks = [@pick == :max ? "largest of the runs" : "median of the runs, whiskers from the least to the most"]

      def lane(cell)
        texts = [@total, *@beyond.values].map { |key| number(of(cell, key)) }
        texts.pop if texts.size > 1 && texts.last == Columns::NONE
        text = texts.size > 1 ? "#{texts.first} (#{texts.last})" : texts.first
        Lanes::Lane.new(name: cell.server.label, colour: Palette.colour(cell.server.label), text: text,
          about: "#{cell.server.label}: #{text} #{unit}", bars: bars(cell), whisker: whisker(cell))
      end

      def bars(cell)
        ends = @parts.values.filter_map { |key| of(cell, key) }.inject([0]) { |sums, value| sums << (sums.last + value) }
        parts = ends.each_cons(2).each_with_index.map { |(from, to), index| [from, to, index] }
        limit = @beyond.values.filter_map { |key| of(cell, key) }.max
        limit && limit > ends.last ? [*parts, [ends.last, limit, faint]] : parts
      end

      def whisker(cell)
        ends = cell.values(@total).minmax.map { |value| scaled(value) }
        ends if @pick == :median && ends.first != ends.last
      end

      def legend(cells)
        beyond = @beyond.select { |_, key| cells.any? { |cell| cell.values(key).any? } }
        return {} if @parts.size + beyond.size < 2

        { **@parts.keys.each_with_index.to_h { |name, index| [name, [:shade, index]] }, **beyond.transform_values { [:shade, faint] } }
      end

      def faint = Lanes::SHADES.size - 1

      def of(cell, key) = scaled(cell.public_send(@pick, key))
    end
  end
end
