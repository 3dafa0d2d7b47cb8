# frozen_string_literal: true

require "cgi"

module Bench
  # Groups of bars as an SVG picture, for a handful of numbers that should be alike.
  class BarChart
    BAR = 18
    GAP = 14
    HEIGHT = 12
    LABEL = 330
    WIDTH = 400

    # @param title [String]
    # @param groups [Hash{String=>Array<Numeric>}] values by the name of their group
    # @param format [Proc] a value as text
    def initialize(title, groups, format: ->(value) { value.round(2).to_s })
      @title = title
      @groups = groups
      @format = format
    end

    # @return [String]
    def to_s
      body = @groups.each_with_object([text(4, BAR, @title, "title")]) { |(name, values), lines| lines.concat(group(name, values, lines.size)) }
      <<~SVG
        <svg xmlns="http://www.w3.org/2000/svg" width="#{LABEL + WIDTH + 90}" height="#{@y + GAP}" font-family="sans-serif" font-size="11">
        <rect width="100%" height="100%" fill="white"/>
        #{body.join("\n")}
        </svg>
      SVG
    end

    private

    def group(name, values, _index)
      top = @y = (@y || (BAR + GAP)) + GAP
      bars = values.flat_map { |value| bar(value) }
      [text(4, top + HEIGHT - 2, name), *bars]
    end

    def bar(value)
      y = @y
      @y += HEIGHT + 2
      width = largest.zero? ? 0 : (value.fdiv(largest) * WIDTH).round(1)
      [%(<rect x="#{LABEL}" y="#{y}" width="#{width}" height="#{HEIGHT}" fill="#4477aa"/>),
       text(LABEL + width + 4, y + HEIGHT - 2, @format.call(value))]
    end

    def largest = @largest ||= @groups.values.flatten.max || 0

    def text(left, base, words, kind = nil)
      %(<text x="#{left}" y="#{base}"#{' font-size="14"' if kind == "title"}>#{CGI.escapeHTML(words)}</text>)
    end
  end
end
