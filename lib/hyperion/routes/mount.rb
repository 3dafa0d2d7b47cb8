# frozen_string_literal: true

require_relative "route_headers"

module Hyperion
  # A directory whose files are served below a prefix. Immutable.
  class Mount
    # Whole segments that are written the same in every URL: none is empty, `.`, `..` or escaped.
    PREFIX = %r{\A(?:/|(?:/(?!\.\.?(?:/|\z))[!-"$&'()*+,\-.0-9:;<=>@-~]+)+/?)\z}
    SWITCHES = %i[fallthrough immutable precompressed internal].freeze
    DECIDED = %w[accept-ranges connection content-encoding content-length content-range date etag keep-alive last-modified trailer transfer-encoding].freeze
    DEFAULTS = { index: false, fallthrough: true, immutable: false, headers: {}, precompressed: true, internal: false }.freeze

    # @return [Integer] unlike that of anything else registered in this process
    attr_reader :number
    # @return [String] the line that registered it
    attr_reader :place

    # @param dir [String]
    # @return [Mount] of a directory whose files never change and stand at the root
    # @raise [Error] where it is not there any more
    # @api private
    def self.preloaded(dir)
      new(Routes.number, "/", dir, "preload_static", immutable: true)
    rescue ArgumentError => e
      raise Error, "preload_static: #{e.message}"
    end

    # @param options [Hash{Symbol=>Object}] as of {Server.mount_static}
    # @raise [ArgumentError] naming what is wrong and what would be right
    def initialize(number, prefix, dir, place, **options)
      options = DEFAULTS.merge(options)
      @number = number
      @prefix = parse_prefix(prefix)
      @dir = parse_dir(dir)
      @place = place
      @index = parse_index(options[:index])
      @headers = RouteHeaders.parse(options[:headers], DECIDED)
      @switches = SWITCHES.to_h { |name| [name, parse_switch(name, options[name])] }.freeze
      freeze
    end

    # @return [Array] what no other mount may have
    # @api private
    def key = [:mount, @prefix, @dir]

    # @return [Symbol] how the boot line counts it
    # @api private
    def mode = :mount

    # @return [String]
    def to_s = "#{@dir} below #{@prefix}"

    # @return [Hash{Symbol=>Object}] for the engine
    # @api private
    def native
      { kind: :mount, number: number, place: @place, prefix: @prefix, dir: @dir, index: @index, headers: @headers, **@switches }
    end

    private

    def parse_prefix(prefix)
      raise ArgumentError, "prefix: #{prefix.inspect} is not a String; give a path such as \"/assets\"" unless prefix.is_a?(String)
      raise ArgumentError, "prefix: #{prefix.inspect} is not a path of whole segments such as \"/assets\"" unless prefix.b.match?(PREFIX)

      prefix == "/" ? "/" : prefix.chomp("/").freeze
    end

    def parse_dir(dir)
      known = dir.is_a?(String) || dir.respond_to?(:to_path)
      raise ArgumentError, "dir: #{dir.inspect} is not the path of a directory" unless known && !dir.to_s.empty? && !dir.to_s.include?("\0")

      path = File.expand_path(dir)
      raise ArgumentError, "dir: there is no directory #{path}; make it, or correct the path" unless File.directory?(path)

      path.freeze
    end

    def parse_index(index)
      names = index == false ? [] : Array(index)
      wrong = names.reject { |name| name.is_a?(String) && name.match?(%r{\A[^/\0]+\z}) && !%w[. ..].include?(name) }
      wrong = [index] if names.empty? && index != false
      raise ArgumentError, "index: #{wrong.first.inspect} is not the name of a file such as \"index.html\"; false is none" unless wrong.empty?

      names.map { |name| name.dup.freeze }.freeze
    end

    def parse_switch(name, value)
      return value if [true, false].include?(value)

      raise ArgumentError, "#{name}: #{value.inspect} is neither true nor false"
    end
  end
end
