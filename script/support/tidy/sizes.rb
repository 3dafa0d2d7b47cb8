# frozen_string_literal: true

module Tidy
  # How long files, functions and methods may be.
  module Sizes
    RUST_FILE = 400
    RUST_FUNCTION = 50
    RUBY_FILE = 200
    RUBY_METHOD = 25
    OTHER_FILE = 400

    # Tables: long because they list, not because they do.
    TABLES = %w[lib/hyperion/config/options.rb crates/proto/src/message/status.rs].freeze

    DEF = /\A(\s*)def\s+(\S+?)(?=[(\s;]|\z)/
    ONE_LINER = /\A\s*def\s.*(?:\s=\s|;\s*end\b)/

    class << self
      def check(tree)
        tree.sources.reject { |source| TABLES.include?(source.path) }.flat_map { |source| file(source) + functions(source) }
      end

      private

      def file(source)
        length, limit = measure(source)
        return [] if limit.nil? || length <= limit

        [source.offence(limit, "the file has #{length} lines, more than #{limit}")]
      end

      def measure(source)
        count = source.lines.size
        if source.rust? then [source.test? ? count : source.rust.product_line_count, RUST_FILE]
        elsif source.path.start_with?("lib/") then [count, RUBY_FILE]
        elsif source.kind == :ruby || source.kind == :shell then [count, OTHER_FILE]
        end
      end

      def functions(source)
        if source.rust? then long(source, source.rust.functions, RUST_FUNCTION)
        elsif source.ruby? && source.path.start_with?("lib/") then long(source, methods_of(source), RUBY_METHOD)
        else []
        end
      end

      def long(source, functions, limit)
        functions.select { |function| function.length > limit }.map do |function|
          source.offence(function.line, "#{function.name} has #{function.length} lines, more than #{limit}")
        end
      end

      # By indentation: a method ends with the next `end` below its `def`.
      def methods_of(source)
        source.lines.each_with_index.filter_map do |line, i|
          next if line.match?(ONE_LINER) || !(found = DEF.match(line))

          ends = source.lines[i..].index { |other| other.match?(/\A#{found[1]}end\b/) }
          RustCode::Function.new(found[2], i + 1, ends + 1) if ends
        end
      end
    end
  end
end
