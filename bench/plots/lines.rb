# frozen_string_literal: true

require_relative "markup"

module Bench
  module Plots
    # A picture with a line for each server between two axes, and below it which is whose.
    class Lines
      WIDTH = Lanes::WIDTH
      HEIGHT = 190
      LEFT = 40
      RIGHT = 22
      TOP = 6
      BELOW = 18
      ITEM = 16
      SWATCH = 22

      Line = Struct.new(:name, :colour, :points, keyword_init: true)

      # Every second one is dashed, since hues alone are too much alike.
      DASHES = [nil, "6 3", "2 3"].freeze

      # @param lines [Array<Line>]
      # @param across [#at, #ticks]
      # @param up [#at, #ticks]
      def initialize(lines, across, up)
        @lines = lines
        @across = across
        @up = up
        @item = lines.map { |line| line.name.size }.max * Lanes::PER_CHARACTER + SWATCH + 12
        @columns = [((WIDTH - LEFT) / @item).floor, 1].max
      end

      # @param title [String] for those who cannot see it
      # @return [String] SVG
      def draw(title)
        height = bottom + BELOW + (@lines.size.fdiv(@columns).ceil * ITEM)
        parts = [*grid, *@lines.each_with_index.flat_map { |line, index| [path(line, index), *legend(line, index)] }]
        Markup.tag("svg", parts, viewBox: "0 0 #{WIDTH} #{height}", width: WIDTH, height: height, role: "img", aria_label: title)
      end

      private

      def bottom = TOP + HEIGHT

      def right(share) = (LEFT + share * (WIDTH - LEFT - RIGHT)).round(1)

      def down(share) = (bottom - share * HEIGHT).round(1)

      def grid
        across = @across.ticks.flat_map do |share, text|
          [rule(right(share), right(share), TOP, bottom), words(text, right(share), bottom + 12, text_anchor: "middle", class: "tick")]
        end
        up = @up.ticks.flat_map do |share, text|
          [rule(LEFT, WIDTH - RIGHT, down(share), down(share)), words(text, LEFT - 4, down(share) + 4, text_anchor: "end", class: "tick")]
        end
        across + up
      end

      def rule(left, right, top, bottom) = Markup.tag("line", class: "grid", x1: left, x2: right, y1: top, y2: bottom)

      # Of points in one column of pixels the last is enough.
      def path(line, index)
        points = line.points.map { |across, up| [right(@across.at(across)), down(@up.at(up))] }
        steps = points.chunk_while { |one, other| one.first.floor == other.first.floor }.map { |column| column.last.join(" ") }
        stroke("M#{steps.join("L")}", line.colour, index, Markup.tag("title", Markup.text(line.name)))
      end

      def stroke(path, colour, index, content = nil)
        Markup.tag("path", content, class: "line", d: path, stroke: colour, stroke_dasharray: DASHES[index % DASHES.size])
      end

      def legend(line, index)
        row, column = index.divmod(@columns)
        left = LEFT + column * @item
        middle = bottom + BELOW + row * ITEM + ITEM / 2
        [stroke("M#{left} #{middle}h#{SWATCH}", line.colour, index), words(line.name, left + SWATCH + 4, middle + 4)]
      end

      def words(words, left, base, **attributes) = Markup.tag("text", Markup.text(words), x: left, y: base, **attributes)
    end
  end
end
