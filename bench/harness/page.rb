# frozen_string_literal: true

module Bench
  # What was measured, as one page of HTML that needs nothing else: the machine, an index, and each row
  # with its plots and its table.
  class Page
    STYLE = "#{__dir__}/page.css"

    # @param facts [Hash{Symbol=>Object}] of the machine
    def initialize(facts)
      @facts = facts
      @sections = []
    end

    # @param cells [Array<Cell>] all of one row
    def add(cells) = @sections << Section.new(cells)

    # @return [String] HTML
    def to_s = "<!DOCTYPE html>\n#{tag("html", [head, tag("body", [heading, index, *@sections.map(&:to_s)])], lang: "en")}\n"

    private

    def head
      tag("head", [
        tag("meta", charset: "utf-8"), tag("meta", name: "viewport", content: "width=device-width, initial-scale=1"),
        tag("title", Markup.text("Bench, #{@facts[:time]}")), tag("style", File.read(STYLE))
      ])
    end

    def heading
      facts = @facts.except(:command).map { |name, fact| [tag("dt", Markup.text(name)), tag("dd", Markup.text(Machine.text(fact)))] }
      tag("header", [tag("h1", "Bench"), tag("p", tag("code", Markup.text(@facts[:command]))), tag("dl", facts.flatten)])
    end

    def index
      lines = @sections.map { |section| tag("li", [tag("a", Markup.text(section.label), href: "##{section.anchor}"), " ", Markup.text(section.about)]) }
      tag("nav", [tag("h2", "Rows"), tag("ul", lines)])
    end

    def tag(...) = Markup.tag(...)
  end
end
