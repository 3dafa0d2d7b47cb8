# frozen_string_literal: true

module Hyperion
  # The declaration of one setting. Its flag, its name in the configuration file, its variable, its line
  # in help and documentation and its type in sig all derive from it.
  class Option
    # @return [Symbol]
    attr_reader :name
    # @return [Kinds::Kind]
    attr_reader :kind
    # @return [Object] as it may be typed; nil for none
    attr_reader :default
    # @return [String] one sentence
    attr_reader :doc
    # @return [String, nil] one character
    attr_reader :letter
    # @return [Array<Symbol>] further names in the file and as flags
    attr_reader :aliases
    # @return [Symbol] the section of help and documentation
    attr_reader :topic

    # @return [Hash{String=>Hash{String=>String}}] variables whose values mean values of this option
    attr_reader :synonyms

    # @param known [Array<String>] variables that everyone knows, behind HYPERION_<NAME>
    # @param foreign [Regexp, nil] values of the variable that another program put there
    # @param cluster [Boolean] means nothing for a server embedded in another program
    def initialize(name, kind, default, doc, topic:, letter: nil, aliases: [], known: [], synonyms: {}, foreign: nil, cluster: false)
      @name = name
      @kind = kind
      @default = default
      @doc = doc
      @topic = topic
      @letter = letter
      @aliases = aliases
      @known = known
      @synonyms = synonyms
      @foreign = foreign
      @cluster = cluster
      freeze
    end

    # @return [Array<Symbol>] as methods of the configuration file
    def names = [name, *aliases]

    # @return [Boolean] whether it is about processes, files or signals of a server of its own
    def cluster? = @cluster

    # @return [Array<String>] `--name` of each name
    def flags = names.map { |name| "--#{name.to_s.tr("_", "-")}" }

    # @return [Array<String>] variables, the strongest first
    def variables = ["HYPERION_#{name.to_s.upcase}", *@known, *@synonyms.keys]

    # @param text [String] of the variable
    # @return [String, nil] the raw value, nil where it says nothing about this option
    def translate(variable, text)
      return if text.strip.empty? || (@foreign && @foreign.match?(text))

      @synonyms.key?(variable) ? @synonyms[variable][text] : text
    end

    # @return [String] as help shows it
    def usage
      long = kind.switch? ? "--[no-]#{flags.first.delete_prefix("--")}" : "#{flags.first} #{kind.metavar}"
      letter ? "-#{letter}, #{long}" : long
    end
  end
end
