# frozen_string_literal: true

module Hyperion
  # Log lines for people who look at them as they come, in the shape of the engine's (log/terminal.rs there).
  class TerminalLine
    RESET = "\e[0m"
    DIM = "\e[2m"
    COLOURS = { debug: DIM, info: "\e[32m", warn: "\e[33m", error: "\e[31m" }.freeze
    BETWEEN_FRAMES = /\n| \| /

    PLAIN = /\A[!#-<>-\[\]-~]+\z/
    # What ends a line, moves a terminal or turns the direction of text.
    UNWANTED = /[[:cntrl:]\u200e\u200f\u2028-\u202e\u2066-\u2069]/
    ESCAPES = { "\t" => "\\t", "\r" => "\\r", "\n" => "\\n" }.freeze

    # @param color [Boolean] whether ANSI colours are used
    def initialize(color:)
      @color = color
    end

    # @param time [String] of the day
    # @param level [Symbol]
    # @param fields [Hash{Symbol=>Object}] a backtrace among them becomes a block of lines
    # @return [String] with its end
    def render(time, level, message, fields)
      frames, rest = fields.partition { |name, _| name == :backtrace }
      line = "#{paint(time, DIM)} #{paint(level.to_s.ljust(5), COLOURS[level])} #{readable(message)}"
      line << paint(rest.map { |name, value| " #{name}=#{quoted(value)}" }.join, DIM) << "\n"
      frames.each { |_, text| line << block(text) }
      line
    end

    private

    def block(text) = text.to_s.scrub.split(BETWEEN_FRAMES).map { |frame| "    #{paint(readable(frame), DIM)}\n" }.join

    def paint(text, colour) = @color && !text.empty? ? "#{colour}#{text}#{RESET}" : text

    def readable(text) = text.to_s.scrub.gsub(UNWANTED) { |char| ESCAPES[char] || format("\\u%04x", char.ord) }

    def quoted(value)
      text = value.to_s.scrub
      text.match?(PLAIN) ? text : "\"#{readable(text.gsub(/["\\]/) { |char| "\\#{char}" })}\""
    end
  end
end
