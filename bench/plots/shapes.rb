# frozen_string_literal: true

require_relative "markup"

module Bench
  module Plots
    # Marks that are told apart without their colour.
    module Shapes
      # Each around its middle.
      PATHS = [
        "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", # a disc
        "m0 -5l5 5l-5 5l-5 -5z", # a diamond
        "m-4 -4h8v8h-8z", # a square
        "m0 -5l5 9h-10z" # a triangle
      ].freeze
      RING = "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0"

      module_function

      # @param index [Integer] which; from the last of the paths on it is a ring
      def draw(index, left, top, colour)
        path = PATHS[index]
        return Markup.tag("path", d: "M#{left} #{top}#{path}", fill: colour) if path

        Markup.tag("path", d: "M#{left} #{top}#{RING}", fill: "none", stroke: colour, stroke_width: 1.6)
      end
    end
  end
end
