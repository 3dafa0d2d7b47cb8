# frozen_string_literal: true

module Tidy
  # White space, what comments may hold, and how things may be called.
  module Wording
    # The history of a line belongs to git, and its plan to an issue.
    IN_COMMENTS = {
      /\d+\.\d+-[A-Z]/ => "a comment names a version",
      /\b[Pp]hase \d/ => "a comment names a phase of a plan",
      /\b[Pp]re-\d/ => "a comment names a version",
      /\b(TODO|FIXME|XXX)\b/ => "a comment leaves work undone"
    }.freeze

    NAMES = {
      /\b(fn|def)\s+(self\.)?get_/ => "a name begins with get_",
      /\b(struct|enum|trait|class|module)\s+\w*(Manager|Helper|Util)s?\b/ => "a name that says nothing",
      /\bmod\s+(util|helper)s?\b/ => "a name that says nothing"
    }.freeze

    # The test of these rules quotes what they forbid.
    SAMPLES = "test/unit/tidy_test.rb"

    INSIDES = /\bsend\(:|\binstance_variable_[gs]et\b/

    class << self
      def check(tree)
        sources = tree.sources.reject { |source| source.path == SAMPLES }
        sources.flat_map { |source| spaces(source) + comments(source) + names(source) + insides(source) }
      end

      private

      def spaces(source)
        tabs = source.rust? || source.ruby?
        found = each_line(source, /[ \t]+$/, "white space at the end of a line")
        found += each_line(source, /\t/, "a tab") if tabs
        found << source.offence(source.lines.size, "no line feed at the end") unless source.text.end_with?("\n") || source.text.empty?
        found
      end

      def comments(source)
        source.comments.flat_map do |text, line|
          IN_COMMENTS.filter_map { |pattern, rule| source.offence(line, rule) if text.match?(pattern) }
        end
      end

      def names(source)
        return [] unless source.rust? || source.ruby?

        text = source.rust? ? source.rust.code : source.text.gsub(/^\s*#.*/, "")
        NAMES.flat_map do |pattern, rule|
          text.each_line.with_index(1).filter_map { |line, i| source.offence(i, rule) if line.match?(pattern) }
        end
      end

      # A test that reaches inside holds the inside in place.
      def insides(source)
        return [] unless source.ruby? && source.path.start_with?("test/")

        each_line(source, INSIDES, "a test reaches inside")
      end

      def each_line(source, pattern, rule)
        source.lines.each_with_index.filter_map { |line, i| source.offence(i + 1, rule) if line.match?(pattern) }
      end
    end
  end
end
