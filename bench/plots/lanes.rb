# frozen_string_literal: true

require_relative "markup"

module Bench
  module Plots
    # A picture with a lane for each server: its name, bars and marks along a common axis, and a number.
    class Lanes
      WIDTH = 480
      LANE = 20
      BAR = 12
      LINE = 16
      PER_CHARACTER = 6.7
      MARGIN = 6

      # Bars are [from, to, shade] with the index of a shade, marks [value, shape] with that of a shape.
      Lane = Struct.new(:name, :colour, :text, :about, :bars, :whisker, :marks, keyword_init: true) do
        # @return [Array<Numeric>] all that the axis must hold
        def extent = [*bars&.map { |bar| bar[1] }, *whisker, *marks&.map(&:first)]
      end

      SHADES = [1.0, 0.55, 0.25].freeze

      # @param lanes [Array<Lane>]
      # @param scale [#at, #ticks]
      # @param legend [Hash{String=>Array(Symbol, Integer)}] what stands for a name: :shade or :shape, and which
      def initialize(lanes, scale, legend: {})
        @lanes = lanes
        @scale = scale
        @legend = legend
        @left = widest(lanes.map(&:name)) + MARGIN
        @right = WIDTH - widest(lanes.map(&:text)) - MARGIN
        @top = legend.empty? ? 2 : LINE + 4
        @bottom = @top + LANE * lanes.size
      end

      # @param title [String] for those who cannot see it
      # @return [String] SVG
      def draw(title)
        height = @bottom + LINE
        Markup.tag("svg", [*legend, *axis, *@lanes.each_with_index.map { |lane, index| lane(lane, @top + index * LANE) }],
          viewBox: "0 0 #{WIDTH} #{height}", width: WIDTH, height: height, role: "img", aria_label: title)
      end

      private

      def widest(texts) = texts.map { |text| text.to_s.size * PER_CHARACTER }.max.to_f.ceil

      def x(value) = place(@scale.at(value))

      def place(share) = (@left + MARGIN + share * (@right - @left - 2 * MARGIN)).round(1)

      def axis
        @scale.ticks.flat_map do |share, text|
          [Markup.tag("line", class: "grid", x1: place(share), x2: place(share), y1: @top, y2: @bottom),
           words(text, place(share), @bottom + 12, text_anchor: "middle", class: "tick")]
        end
      end

      def lane(lane, top)
        middle = top + LANE / 2.0
        Markup.tag("g", [
          Markup.tag("title", Markup.text(lane.about)), words(lane.name, @left, middle + 4, text_anchor: "end"),
          *lane.bars&.map { |bar| bar(bar, lane.colour, middle) }, *whisker(lane.whisker, middle),
          *link(lane, middle), *lane.marks&.map { |value, shape| Shapes.draw(shape, x(value), middle, lane.colour) },
          words(lane.text, WIDTH - 1, middle + 4, text_anchor: "end", class: "number")
        ])
      end

      def bar((from, to, shade), colour, middle)
        width = [(x(to) - x(from)).round(1), 0].max
        Markup.tag("rect", x: x(from), y: middle - BAR / 2, width: width, height: BAR, fill: colour, fill_opacity: SHADES[shade])
      end

      def whisker(ends, middle)
        return [] unless ends

        left, right = ends.map { |value| x(value) }
        path = "M#{left} #{middle - 3}v6m0 -3H#{right}m0 -3v6"
        [Markup.tag("path", class: "whisker", d: path)]
      end

      def link(lane, middle)
        left, right = lane.marks&.map { |value, _| x(value) }&.minmax
        left ? [Markup.tag("line", x1: left, x2: right, y1: middle, y2: middle, stroke: lane.colour, stroke_opacity: 0.5)] : []
      end

      # Above the bars, and further left where it is too long for that.
      def legend
        widths = @legend.keys.map { |name| name.size * PER_CHARACTER + 24 }
        left = [@left + MARGIN, WIDTH - widths.sum].min
        @legend.zip(widths).flat_map do |(name, (kind, index)), width|
          at, left = left, left + width
          [kind == :shade ? swatch(at, index) : Shapes.draw(index, at + 5, LINE / 2.0, "currentColor"), words(name, at + 13, LINE / 2.0 + 4)]
        end
      end

      def swatch(left, shade) = Markup.tag("rect", x: left, y: LINE / 2 - 5, width: 10, height: 10, fill: "currentColor", fill_opacity: SHADES[shade])

      def words(words, left, base, **attributes) = Markup.tag("text", Markup.text(words), x: left, y: base, **attributes)
    end
  end
end
