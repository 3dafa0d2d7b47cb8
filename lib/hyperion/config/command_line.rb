# frozen_string_literal: true

require_relative "options"
require_relative "puma_names"
require_relative "layer"
require_relative "suggestion"

module Hyperion
  # Reads the words behind `hyperion`.
  class CommandLine
    # Words in the place of an app.
    COMMANDS = { "check" => :check, "help" => :help, "version" => :version }.freeze
    ACTIONS = { "-h" => :help, "--help" => :help, "-V" => :version, "--version" => :version }.freeze

    # @return [Layer] what the flags say
    attr_reader :layer
    # @return [Symbol] :serve, :check, :help or :version
    attr_reader :action
    # @return [String, nil] the app's file
    attr_reader :rackup

    def initialize(words)
      @layer = Layer.new
      @action = :serve
      @words = words.dup
      @files = []
      read(@words.shift) until @words.empty?
      read_files
    end

    private

    def read(word)
      case word
      when *ACTIONS.keys then @action = ACTIONS[word]
      when "--" then @files.concat(@words.slice!(0..))
      when /\A--no-(.+)/ then read_no(word, Regexp.last_match(1))
      when /\A(--[^=]+)(?:=(.*))?\z/m then read_long(*Regexp.last_match.captures)
      when /\A-(.)(.*)\z/m then read_short(*Regexp.last_match.captures)
      else @files << word
      end
    end

    def read_no(word, name)
      option = Options::ALL.find { |candidate| candidate.kind.switch? && candidate.flags.include?("--#{name}") }
      option ? @layer.set(option, false, "flag #{word}") : unknown(word)
    end

    def read_long(flag, value)
      option = Options::ALL.find { |candidate| candidate.flags.include?(flag) } or return unknown(flag)
      read_value(option, flag, value)
    end

    def read_short(letter, rest)
      option = Options::ALL.find { |candidate| candidate.letter == letter } or return unknown("-#{letter}")
      read_value(option, "-#{letter}", rest.empty? ? nil : rest)
    end

    def read_value(option, flag, value)
      value = true if value.nil? && option.kind.switch?
      value = @words.shift if value.nil?
      return @layer.problem("flag #{flag}", "#{option.name}: #{option.kind.metavar} is missing behind it") if value.nil?

      @layer.set(option, value, "flag #{flag}")
    end

    def unknown(flag)
      switches = Options::ALL.select { |option| option.kind.switch? }
      known = Options::ALL.flat_map(&:flags) + switches.flat_map { |option| option.flags.map { |name| name.sub("--", "--no-") } }
      hint = PumaNames.hint(flag.delete_prefix("--").tr("-", "_").to_sym)
      hint = Suggestion.for(flag, known + ACTIONS.keys) if hint.empty?
      @layer.problem("flag #{flag}", "there is no such option#{hint}#{";" unless hint.end_with?("?")} `hyperion --help` lists all")
    end

    def read_files
      if COMMANDS.key?(@files.first) && !File.exist?(@files.first)
        command = COMMANDS[@files.shift]
        @action = command if @action == :serve
      end
      @rackup = @files.shift
      @layer.problem("command line", "one app at most, but there is #{@files.join(" ")} behind #{@rackup}") unless @files.empty?
    end
  end
end
