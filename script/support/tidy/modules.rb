# frozen_string_literal: true

module Tidy
  # The first page of a crate names its modules, all of them and no others.
  module Modules
    LIB = %r{\A(crates/[^/]+|ext/hyperion)/src/lib\.rs\z}
    DECLARED = /^(?:pub )?mod (\w+);/
    TEST_ONLY = /#\[cfg\(test\)\](?:\s*#\[[^\]]*\])*\s*mod \w+;/
    # In the first column of a table, or at the beginning of an item.
    ROW = /^\/\/! (?:\| |- )((?:\[?`[\w:]+`\]?(?:, )?)+)/

    class << self
      def check(tree)
        tree.sources.select { |source| source.path.match?(LIB) }.flat_map { |source| compare(source) }
      end

      private

      def compare(source)
        declared = source.text.gsub(TEST_ONLY, "").scan(DECLARED).flatten.uniq
        listed = source.text.scan(ROW).flatten.flat_map { |cell| cell.scan(/`(\w+)/) }.flatten.uniq
        return [] if declared.empty?

        missing = (declared - listed).map { |name| source.offence(1, "the first page does not name the module #{name}") }
        missing + (listed - declared).map { |name| source.offence(1, "the first page names #{name}, which is no module") }
      end
    end
  end
end
