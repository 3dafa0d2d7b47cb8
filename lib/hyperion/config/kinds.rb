# frozen_string_literal: true

require_relative "../error"

module Hyperion
  # The types of option values. A kind turns what was typed, a String of a flag or a variable or a
  # Ruby value of the configuration file, into a value, or raises Invalid.
  module Kinds
    # The value is not one of this kind; the message says which would be.
    class Invalid < Error; end

    # What all kinds share.
    class Kind
      # @return [String] the placeholder in help
      attr_reader :metavar
      # @return [String] the type in RBS
      attr_reader :rbs

      # @param words [Hash{String=>Symbol}] values beside the regular ones, such as auto
      def initialize(metavar:, rbs:, words: [])
        @metavar = metavar
        @words = words.map(&:to_s)
        @rbs = [rbs, *words.map { |word| ":#{word}" }].join(" | ")
      end

      # @param raw [Object] what was typed
      # @return [Object] the value
      # @raise [Invalid]
      def parse(raw)
        return raw.to_s.to_sym if @words.include?(raw.to_s)

        value = convert(raw)
        raise Invalid, "#{raw.inspect} is not #{expected}" if value.nil?

        value
      end

      # @return [String] a phrase behind "is not"
      def expected = [@words, range_phrase].flatten.join(" or ")

      # How a value is printed, so that it can be typed again.
      def show(value) = value.to_s
      # @return [String, nil] what is to be said of a value that is taken, but not for what it says
      def remark(_raw) = nil

      def switch? = false
      def repeatable? = false
    end

    # Whole numbers of a range.
    class Count < Kind
      def initialize(range, words: [])
        @range = range
        super(metavar: words.empty? ? "N" : "N|#{words.join("|")}", rbs: "Integer", words: words)
      end

      def range_phrase = "a whole number from #{@range.begin} to #{@range.end}"

      private

      def convert(raw)
        number = raw.is_a?(Integer) ? raw : Integer(raw.to_s, 10, exception: false)
        number if number && @range.cover?(number)
      end
    end

    # Seconds, whole or not.
    class Seconds < Kind
      YEAR = 365 * 24 * 3600

      def initialize(least, off: false)
        @least = least
        @off = off
        super(metavar: "SECONDS", rbs: "Integer | Float")
      end

      def range_phrase = "a number of seconds from #{@least} to #{YEAR}#{", or 0 for off" if @off}"

      private

      def convert(raw)
        number = raw.is_a?(Numeric) ? raw : Float(raw.to_s, exception: false)
        return unless number.is_a?(Integer) || (number.is_a?(Float) && number.finite?)
        return unless number.between?(@least, YEAR) || (@off && number.zero?)

        number == number.to_i ? number.to_i : number
      end
    end

    # Bytes, with k, m and g as powers of 1024.
    class Bytes < Kind
      FORM = /\A(\d+)\s*(?:([kmg])(?:i?b)?)?\z/i
      POWERS = { nil => 0, "k" => 1, "m" => 2, "g" => 3 }.freeze

      def initialize(range, words: [])
        @range = range
        super(metavar: ["BYTES", *words].join("|"), rbs: "Integer", words: words)
      end

      def range_phrase = "a size from #{@range.begin} to #{@range.end} bytes, such as 65536, 64k or 16MiB"

      private

      def convert(raw)
        match = FORM.match(raw.to_s) or return
        number = match[1].to_i * (1024**POWERS.fetch(match[2]&.downcase))
        number if @range.cover?(number)
      end
    end

    # One of a few names.
    class Choice < Kind
      def initialize(*names)
        super(metavar: names.join("|"), rbs: names.map(&:inspect).join(" | "))
        @names = names.map(&:to_s)
      end

      def range_phrase = "one of #{@names.join(", ")}"

      private

      def convert(raw) = (raw.to_s.to_sym if @names.include?(raw.to_s))
    end

    # Files or directories; whether they are of use shows later.
    class Paths < Kind
      def initialize(metavar = "PATH") = super(metavar: metavar, rbs: "Array[String]")
      def repeatable? = true
      def range_phrase = "a path"
      def show(value) = value.join(", ")

      private

      def convert(raw)
        return unless Array(raw).all? { |path| path.is_a?(String) || path.respond_to?(:to_path) }

        paths = Array(raw).flat_map { |path| path.to_s.split(",") }.map(&:strip).reject(&:empty?)
        paths.each { |path| raise Invalid, "#{path.inspect} is not #{expected}" unless good?(path) }
        paths unless paths.empty?
      end

      def good?(path) = !path.include?("\0")
    end

    # Directories that are there.
    class Directories < Paths
      def initialize = super("DIR")
      def range_phrase = "a directory that is there"

      private

      def convert(raw) = super&.map { |path| File.expand_path(path) }
      def good?(path) = super && File.directory?(path)
    end

    # On or off.
    class Switch < Kind
      WORDS = { "true" => true, "1" => true, "on" => true, "yes" => true,
                "false" => false, "0" => false, "off" => false, "no" => false }.freeze

      def initialize(words: []) = super(metavar: nil, rbs: "bool", words: words)
      def switch? = true
      def range_phrase = "true or false"

      private

      def convert(raw) = WORDS[raw.to_s]
    end

    # A text that nobody is shown, and that can be sent in a header.
    class Secret < Kind
      BYTES = 1024
      FORM = /\A[!-~](?:[ -~]*[!-~])?\z/

      def initialize = super(metavar: "TOKEN", rbs: "String")
      def range_phrase = "1 to #{BYTES} characters of visible ASCII"
      def show(_value) = "(not shown)"

      def parse(raw)
        text = raw.to_s
        raise Invalid, "the value is not #{expected}" unless text.size <= BYTES && text.match?(FORM)

        text
      end
    end

    # A text that is not empty.
    class Text < Kind
      def initialize(metavar) = super(metavar: metavar, rbs: "String")
      def range_phrase = "a #{@metavar.downcase}"

      private

      def convert(raw)
        text = raw.is_a?(Symbol) || raw.respond_to?(:to_path) || raw.is_a?(String) ? raw.to_s : ""
        text unless text.strip.empty? || text.include?("\0")
      end
    end
  end
end
