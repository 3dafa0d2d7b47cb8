# frozen_string_literal: true

require_relative "plot"

module Bench
  module Plots
    # Several bars for each server, which should be alike.
    class Groups < Plot
      # @yieldparam cell [Cell]
      # @yieldreturn [Array<Numeric>] its values
      def initialize(title, unit, **rest, &values)
        super(title, unit, **rest)
        @values = values
      end

      private

      def picture(cells)
        lanes = cells.flat_map { |cell| lanes(cell, @values.call(cell)) }
        Lanes.new(lanes, Scales::Linear.new(lanes.flat_map(&:extent))) if lanes.any?
      end

      def lanes(cell, values)
        label = cell.server.label
        values.each_with_index.map do |value, index|
          Lanes::Lane.new(name: index.zero? ? label : "", colour: Palette.colour(label), text: number(scaled(value)),
            about: "#{label}, #{index + 1}: #{number(scaled(value))} #{unit}", bars: [[0, scaled(value), 0]])
        end
      end
    end
  end
end
