# frozen_string_literal: true

module Bench
  # What was measured, in Markdown: a table for each row.
  class Report
    # @param cells [Array<Cell>] all of one row, in order
    # @return [String]
    def table(cells)
      row = cells.first.row
      table = Table.new(cells)
      lines = Markdown.table(table.titles, table.lines, words: table.words)
      ["## #{row.label}", "", *row.about, "", *lines, "", *table.verdicts.map { |verdict| "- #{verdict}" }].join("\n").strip << "\n"
    end

    # @param machine [Hash{Symbol=>Object}] facts
    # @return [String]
    def heading(machine) = "# Bench\n\n#{machine.map { |name, fact| "- #{name}: #{Machine.text(fact)}" }.join("\n")}\n"
  end
end
