# frozen_string_literal: true

require_relative "plot"

module Bench
  module Plots
    # Several numbers of each server on one line, each with a shape of its own.
    class Dots < Plot
      # @param keys [Hash{String=>Symbol}] of the numbers by their names
      # @param written [String] name of the one that is also written
      # @param scale [Class]
      def initialize(title, unit, keys, written:, scale: Scales::Log, **rest)
        super(title, unit, **rest)
        @keys = keys
        @written = written
        @scale = scale
      end

      private

      def picture(cells)
        here = @keys.select { |_, key| cells.any? { |cell| cell.values(key).any? } }
        return if here.empty?

        lanes = cells.map { |cell| lane(cell) }
        Lanes.new(lanes, @scale.new(lanes.flat_map(&:extent)), legend: here.to_h { |name, _| [name, [:shape, shape(name)]] })
      end

      def remarks = [*@scale::REMARK, "medians of the runs", "number: #{@written}"]

      def lane(cell)
        label = cell.server.label
        values = @keys.transform_values { |key| scaled(cell.median(key)) }.compact
        about = values.map { |name, value| "#{name} #{number(value)}" }.join(", ")
        Lanes::Lane.new(name: label, colour: Palette.colour(label), text: number(values[@written]), about: "#{label}: #{about} #{unit}",
          marks: values.map { |name, value| [value, shape(name)] })
      end

      def shape(name) = @keys.keys.index(name)
    end
  end
end
