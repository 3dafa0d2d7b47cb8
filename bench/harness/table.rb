# frozen_string_literal: true

module Bench
  # The table of a row as texts, in whatever form it is shown: a line for each case and server.
  class Table
    # @param cells [Array<Cell>] all of one row, in order
    def initialize(cells)
      @cells = cells
      @row = cells.first.row
    end

    # @return [Array<String>]
    def titles = ["case", "server", *@row.columns.map { |column| column.title.sub("%<peer>s", @row.peer) }]

    # @return [Array<Array<String>>]
    def lines
      @cells.map { |cell| [cell.kase.name, cell.server.label, *@row.columns.map { |column| column.text.call(cell, peer_of(cell)) }] }
    end

    # @return [Array<Integer>] indexes of the columns that hold no numbers: the place and the note
    def words = [0, 1, @row.columns.size + 1]

    # @return [Array<String>] sentences that go below it
    def verdicts = @row.verdicts(@cells)

    private

    def peer_of(cell) = @cells.find { |other| other.kase == cell.kase && other.server.label == @row.peer }
  end
end
