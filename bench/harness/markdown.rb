# frozen_string_literal: true

module Bench
  # Tables in Markdown.
  module Markdown
    module_function

    # @param titles [Array<String>]
    # @param lines [Array<Array<String>>]
    # @param words [Array<Integer>] indexes of the columns that hold no numbers
    # @return [Array<String>] lines
    def table(titles, lines, words:)
      rule = Array.new(titles.size) { |index| words.include?(index) ? "---" : "---:" }
      [titles, rule, *lines].map { |fields| line(fields) }
    end

    def line(fields) = "| #{fields.map { |field| field.gsub("|", "\\|") }.join(" | ")} |"
  end
end
