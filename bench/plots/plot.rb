# frozen_string_literal: true

require_relative "markup"

module Bench
  module Plots
    # What a row shows of its cells: a title, a unit, and a picture of the numbers that the runs have.
    class Plot
      attr_reader :title, :unit

      # @param divisor [Numeric] from what the runs say to the unit
      # @param digits [Integer] behind the point, in the numbers beside the picture
      def initialize(title, unit, divisor: 1, digits: 0)
        @title = title
        @unit = unit
        @divisor = divisor
        @digits = digits
      end

      # @param cells [Array<Cell>] of one case, each with a run
      # @return [String, nil] HTML; nil where no run has such numbers
      def figure(cells)
        picture = picture(cells)
        Markup.tag("figure", [caption, picture.draw(title)]) if picture
      end

      private

      # @return [#draw, nil]
      def picture(_cells) = raise(NotImplementedError, "#{self.class} has no picture")

      # @return [Array<String>] what must be known to read it
      def remarks = []

      def caption
        Markup.tag("figcaption", [Markup.tag("b", Markup.text(title)), Markup.text(" #{[unit, *remarks].join("; ")}")])
      end

      def scaled(value) = value&./(@divisor.to_f)

      def number(value) = Columns.number(value, @digits)
    end
  end
end
