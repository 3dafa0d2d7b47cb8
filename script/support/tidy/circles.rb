# frozen_string_literal: true

require "tsort"
require_relative "reach"

module Tidy
  # No files need each other in a circle, so that whoever reads one can go on to those below it and comes to an end.
  # A module and those inside of it are one thing here.
  module Circles
    SOURCE = %r{\A((?:crates|ext|bench)/\w+/src)/(.+)\.rs\z}
    RUBY = %r{\Alib/.*\.rb\z}
    PATH = /\b(crate|self|super)((?:::[a-z]\w*)+)/
    GROUP = /\b(crate|self|super)((?:::[a-z]\w*)*)::\{([^;]*?)\};/

    class << self
      def check(tree) = circles(rust(tree)) + circles(ruby(tree))

      private

      def circles(needs)
        each_node = ->(&block) { needs.each_key(&block) }
        found = TSort.strongly_connected_components(each_node, ->(path, &block) { needs.fetch(path).each(&block) })
        found.select { |paths| paths.size > 1 }.map(&:sort).map do |first, *others|
          Offence.new(first, 1, "it and these need each other in a circle: #{others.join(", ")}")
        end
      end

      def ruby(tree)
        sources = tree.ruby.select { |source| source.path.match?(RUBY) }
        paths = sources.map(&:path)
        sources.to_h { |source| [source.path, Reach.required_beside(source) & (paths - [source.path])] }
      end

      def rust(tree)
        sources = tree.rust.reject(&:test?).select { |source| source.path.match?(SOURCE) }
        files = sources.to_h { |source| [module_of(source.path), source.path] }
        sources.to_h { |source| [source.path, needed(source, files)] }
      end

      # The crate and the names that lead to the module.
      def module_of(path)
        crate, names = path.match(SOURCE).captures
        [crate, *names.split("/")].tap { |whole| whole.pop if %w[lib main mod].include?(whole.last) }
      end

      def needed(source, files)
        own = module_of(source.path)
        modules = paths(source.rust.product).filter_map do |start, names|
          target = absolute(own, start, names)
          target.pop until files.key?(target) || target.empty?
          target unless inside?(own, target) || inside?(target, own)
        end
        modules.map { |name| files.fetch(name) }.uniq
      end

      def paths(code)
        groups = code.scan(GROUP).flat_map { |start, names, group| group.scan(/(?:\A|,)\s*([a-z]\w*)/).map { |(name)| [start, "#{names}::#{name}"] } }
        (code.scan(PATH) + groups).map { |start, names| [start, names.split("::").drop(1)] }
      end

      def absolute(own, start, names)
        return own.first(1) + names if start == "crate"
        return own + names if start == "self"

        above = 1 + names.take_while { |name| name == "super" }.size
        own.first([own.size - above, 1].max) + names.drop(above - 1)
      end

      def inside?(one, other) = one.first(other.size) == other
    end
  end
end
