# frozen_string_literal: true

module Bench
  # Tables in Markdown: one for each row, a line for each case and server.
  class Report
    # @param cells [Array<Cell>] all of one row, in order
    # @return [String]
    def table(cells)
      row = cells.first.row
      columns = row.columns
      titles = columns.map { |column| format(column.title, peer: row.peer) }
      lines = [line(["case", "server", *titles]), line(["---"] * 2 + ["---:"] * (columns.size - 1) + ["---"])]
      lines += cells.map { |cell| line([cell.kase.name, cell.server.label, *texts(columns, cell, peer_of(cell, cells))]) }
      ["## #{row.label}", "", *lines, "", *row.verdicts(cells).map { |verdict| "- #{verdict}" }].join("\n").strip << "\n"
    end

    # @param machine [Hash{Symbol=>Object}] facts
    # @return [String]
    def heading(machine) = "# Bench\n\n#{machine.map { |name, fact| "- #{name}: #{fact}" }.join("\n")}\n"

    private

    def texts(columns, cell, peer) = columns.map { |column| column.text.call(cell, peer) }

    def peer_of(cell, cells)
      cells.find { |other| other.kase == cell.kase && other.server.label == cell.row.peer }
    end

    def line(texts) = "| #{texts.join(" | ")} |"
  end
end
