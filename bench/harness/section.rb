# frozen_string_literal: true

module Bench
  # A row on the page: its question, the plots of each case with who is absent from them, and the table.
  class Section
    # @param cells [Array<Cell>] all of one row, in order
    def initialize(cells)
      @cells = cells
      @row = cells.first.row
    end

    def label = @row.label

    def about = @row.about.to_s

    # @return [String] where links to it lead
    def anchor = "row-#{label}"

    # @return [String] HTML
    def to_s
      cases = @cells.group_by(&:kase).map { |kase, cells| [tag("h3", Markup.text(kase.name)), figures(cells), absent(cells)] }
      tag("section", [tag("h2", Markup.text(label)), tag("p", Markup.text(about), class: "about"), *cases.flatten.compact, table, verdicts].compact,
        id: anchor)
    end

    private

    def figures(cells)
      measured = cells.select { |cell| cell.runs.any? }
      return if measured.empty?

      tag("div", @row.plots.filter_map { |plot| plot.figure(measured) }, class: "plots")
    end

    # Also those of whom some runs are in the plots.
    def absent(cells)
      lines = cells.select(&:reason).group_by(&:reason).map do |reason, those|
        runs = those.map { |cell| cell.runs.size }.max
        shown = runs.positive? ? " (shown above with what was measured before)" : ""
        tag("li", [tag("b", Markup.text(those.map { |cell| cell.server.label }.join(", "))), Markup.text(": #{reason}#{shown}")])
      end
      tag("ul", lines, class: "absent") if lines.any?
    end

    def table
      table = Table.new(@cells)
      lines = table.lines.map { |fields| tag("tr", fields.each_with_index.map { |field, index| cell(field, table.words.include?(index)) }) }
      titles = tag("tr", table.titles.map { |title| tag("th", Markup.text(title), scope: "col") })
      tag("div", tag("table", [tag("thead", titles), tag("tbody", lines)]), class: "scroll")
    end

    def cell(field, words) = tag("td", Markup.text(field), class: words ? "words" : nil)

    # Those that are indented belong to the one above.
    def verdicts
      lines = @row.verdicts(@cells).map { |verdict| tag("li", Markup.text(verdict), class: verdict.start_with?(" ") ? "more" : nil) }
      tag("ul", lines, class: "verdicts") if lines.any?
    end

    def tag(...) = Markup.tag(...)
  end
end
