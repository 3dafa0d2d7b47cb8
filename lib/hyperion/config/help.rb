# frozen_string_literal: true

require_relative "options"
require_relative "../version"

module Hyperion
  # The text of `hyperion --help`.
  module Help
    INDENT = 34
    WIDTH = 100

    # @return [String]
    def self.text
      <<~TEXT
        Usage: hyperion [options] [config.ru]
               hyperion check [options] [config.ru]
                 loads configuration and app, and prints each setting with its source

        #{Options::TOPICS.map { |topic, title| section(topic, title) }.join("\n")}
        Other:
        #{entry("-V, --version", "Print the version.")}#{entry("-h, --help", "Print this.")}
        Each option is a method of its name in config/hyperion.rb and a variable HYPERION_<NAME> too.
        A flag wins over the environment, the environment over the file.
      TEXT
    end

    def self.section(topic, title)
      "#{title}:\n#{Options::ALL.select { |option| option.topic == topic }.map { |option| entry(option.usage, describe(option)) }.join}"
    end

    def self.describe(option)
      known = (option.variables.drop(1) - option.synonyms.keys).map { |name| "$#{name}, else " }
      default = option.default.nil? ? "none" : option.default
      "#{option.doc} (default: #{known.join}#{default})"
    end

    def self.entry(usage, doc)
      lines = wrap(doc)
      head = "  #{usage}".ljust(INDENT)
      head = "#{head.rstrip}\n#{" " * INDENT}" if head.size > INDENT
      "#{head}#{lines.join("\n#{" " * INDENT}")}\n"
    end

    def self.wrap(text) = text.scan(/\S.{0,#{WIDTH - INDENT - 1}}(?=\s|\z)/)

    private_class_method :section, :describe, :entry, :wrap
  end
end
