# frozen_string_literal: true

module Tidy
  # Where unsafe code may be and what must stand beside it, what may not panic, and what the protocols may not touch.
  module Safety
    UNSAFE_CRATES = %w[crates/io ext/hyperion].freeze
    UNSAFE_PLACES = %r{\Acrates/io/|\Aext/hyperion/src/(request/(env|pairs)|vm/(block|gvl|raw))\.rs\z}

    PROTO = %r{\Acrates/proto/src/}
    OUTSIDE_WORLD = /\bInstant::now\b|\bSystemTime::now\b|\bstd::(net|fs|thread)\b|\bstd::\{[^}]*\b(net|fs|thread)\b/

    class << self
      def check(tree)
        tree.rust.flat_map { |source| address(source) + reasons(source) + panics(source) + purity(source) } + forbidden(tree)
      end

      private

      def address(source)
        return [] if source.path.match?(UNSAFE_PLACES)

        source.rust.lines_with(/\bunsafe\b/).map { |line, _| source.offence(line, "unsafe code has no place here") }
      end

      def reasons(source)
        source.rust.lines_with(/\bunsafe\s*(\{|impl\b|$)/).filter_map do |line, _|
          source.offence(line, "unsafe without a SAFETY comment") unless reason?(source, line - 1)
        end
      end

      # Looks up through the statement that the line belongs to.
      def reason?(source, index)
        return true if source.lines[index].match?(/SAFETY:/)

        code = source.rust.code.lines
        index -= 1
        index -= 1 while index >= 0 && !code[index].strip.empty? && !code[index].match?(/[;{}]\s*$/)
        while index >= 0 && source.lines[index].match?(%r{\A\s*//})
          return true if source.lines[index].match?(/SAFETY:/)

          index -= 1
        end
        false
      end

      def panics(source)
        return [] if source.test?

        rust = source.rust
        rust.lines_with(/\.unwrap\(\)/, rust.product).map { |line, _| source.offence(line, "unwrap() outside tests") }
      end

      def purity(source)
        return [] unless source.path.match?(PROTO) && !source.test?

        rust = source.rust
        rust.lines_with(OUTSIDE_WORLD, rust.product).map { |line, text| source.offence(line, "proto touches the world: #{text.strip}") }
      end

      def forbidden(tree)
        roots = tree.rust.select { |source| source.path.match?(%r{\A(bench|crates|ext)/[^/]+/src/(lib|main)\.rs\z}) }
        roots.filter_map do |source|
          next if UNSAFE_CRATES.any? { |crate| source.path.start_with?("#{crate}/") }

          source.offence(1, "the crate does not forbid unsafe code") unless source.rust.code.match?(/#!\[forbid\([^)]*\bunsafe_code\b/)
        end
      end
    end
  end
end
