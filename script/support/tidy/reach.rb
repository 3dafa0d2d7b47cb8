# frozen_string_literal: true

module Tidy
  # Every Ruby file is required by something, and every link leads to a file.
  module Reach
    # Ruby itself, RubyGems and Rack find these by their names.
    ENTRIES = %w[lib/hyperion.rb lib/hyperion-rb.rb lib/hyperion/capybara.rb lib/rack/handler/hyperion.rb lib/rackup/handler/hyperion.rb].freeze

    REQUIRE = /^[^#]*?\b(?:require|autoload\s*\(?\s*:\w+\s*,)\s*\(?\s*["']([^"']+)["']/
    REQUIRE_RELATIVE = /^[^#]*?\brequire_relative\s*\(?\s*["']([^"']+)["']/

    LINK = /\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s+(\S+)/
    ELSEWHERE = /\A([a-z]+:|#)/
    FENCE = /^(```|~~~)/

    class << self
      def check(tree) = orphans(tree) + broken_links(tree)

      # What a file requires by a path from its own place.
      # @return [Array<String>]
      def required_beside(source)
        folder = File.dirname(source.path)
        source.text.scan(REQUIRE_RELATIVE).flatten.map { |name| "#{File.expand_path("/#{folder}/#{name}").delete_prefix("/").delete_suffix(".rb")}.rb" }
      end

      private

      def orphans(tree)
        sources = tree.ruby.select { |source| source.path.match?(%r{\A(lib|exe|ext)/|\ARakefile\z}) }
        required = sources.flat_map { |source| required_by(source) } + ENTRIES
        (sources.map(&:path).grep(%r{\Alib/.*\.rb\z}) - required).map { |path| Offence.new(path, 1, "nothing requires this file") }
      end

      def required_by(source)
        source.text.scan(REQUIRE).flatten.map { |name| "lib/#{name.delete_suffix(".rb")}.rb" } + required_beside(source)
      end

      def broken_links(tree)
        tree.markdown.flat_map do |source|
          links(source).filter_map do |link, line|
            source.offence(line, "no file at the link #{link}") unless leads?(tree, source, link)
          end
        end
      end

      def links(source)
        fenced = false
        source.lines.each_with_index.flat_map do |text, i|
          fenced = !fenced if text.match?(FENCE)
          fenced ? [] : text.gsub(/`[^`]*`/, "").scan(LINK).map { |found| [found.compact.first, i + 1] }
        end
      end

      def leads?(tree, source, link)
        return true if link.match?(ELSEWHERE)

        path = File.expand_path("/#{File.dirname(source.path)}/#{link.sub(/[#?].*/, "")}")
        tree.file?(path.delete_prefix("/"))
      end
    end
  end
end
