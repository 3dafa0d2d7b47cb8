# frozen_string_literal: true

require_relative "rust_code"

module Tidy
  Offence = Struct.new(:path, :line, :rule) do
    def to_s = "#{path}:#{line}: #{rule}"
  end

  # One file of the checkout.
  class Source
    KINDS = { ".rs" => :rust, ".rb" => :ruby, ".ru" => :ruby, ".gemspec" => :ruby, ".md" => :markdown,
              ".toml" => :toml, ".sh" => :shell }.freeze
    NAMES = { "Rakefile" => :ruby, "Gemfile" => :ruby }.freeze
    TEST = %r{(\A|/)(tests?|benches|fuzz)/|/tests\.rs\z}

    attr_reader :path, :text

    # @param path [String] relative to the root of the checkout
    def initialize(path, text)
      @path = path
      @text = text
    end

    def lines = @lines ||= text.lines
    def test? = path.match?(TEST)
    def rust? = kind == :rust
    def ruby? = kind == :ruby
    def markdown? = kind == :markdown

    def kind = @kind ||= KINDS[File.extname(path)] || NAMES[File.basename(path)] || kind_by_interpreter

    # The same text in layers, for Rust.
    # @return [RustCode]
    def rust = @rust ||= RustCode.new(text)

    # Each line that has a comment, as far as it is one.
    # @return [Array(Array(String, Integer))]
    def comments
      return [] if markdown?

      texts = rust? ? rust.comments.lines : lines.map { |line| line[/(?:\A|\s)#(?!\{).*/].to_s }
      texts.each_with_index.reject { |text, _| text.strip.empty? }.map { |text, i| [text, i + 1] }
    end

    def offence(line, rule) = Offence.new(path, line, rule)

    private

    def kind_by_interpreter
      case lines.first
      when /\A#!.*\bruby/ then :ruby
      when /\A#!.*\b(ba)?sh\b/, /\A# shellcheck shell/ then :shell
      end
    end
  end

  # The checkout: all files of our own.
  class Tree
    FOLDERS = %w[crates ext fuzz lib exe sig test bench examples docs script .ci .github].freeze
    FOREIGN = %r{(\A|/)(target|tmp|corpus|artifacts|node_modules)/}

    attr_reader :root

    def initialize(root)
      @root = File.expand_path(root)
    end

    # @return [Array<Source>] files that hold text of a known kind
    def sources
      @sources ||= paths.filter_map do |path|
        text = File.read(File.join(root, path), encoding: "UTF-8")
        source = Source.new(path, text) if text.valid_encoding? && !text.include?("\0")
        source if source&.kind
      end
    end

    def rust = sources.select(&:rust?)
    def ruby = sources.select(&:ruby?)
    def markdown = sources.select(&:markdown?)
    def file?(path) = File.exist?(File.join(root, path))

    private

    def paths
      found = Dir.glob(["*", *FOLDERS.map { |folder| "#{folder}/**/{*,.[a-z]*}" }], base: root)
      found.select { |path| File.file?(File.join(root, path)) }.grep_v(FOREIGN).sort.uniq
    end
  end
end
