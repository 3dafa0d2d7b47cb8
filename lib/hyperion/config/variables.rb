# frozen_string_literal: true

require_relative "options"
require_relative "layer"
require_relative "suggestion"

module Hyperion
  # Reads the environment variables.
  class Variables
    PREFIX = "HYPERION_"

    # @return [Layer] what the variables say
    attr_reader :layer
    # @return [Array<String>] variables that look mistyped. They are no errors: other programs name theirs as they like.
    attr_reader :warnings

    # @param env [Hash{String=>String}]
    def initialize(env)
      @layer = Layer.new
      Options::ALL.each { |option| read(option, env) }
      @warnings = mistyped(env)
    end

    private

    def read(option, env)
      option.variables.each do |name|
        raw = env[name] && option.translate(name, env[name])
        return @layer.set(option, raw, "variable #{name}") if raw
      end
    end

    def mistyped(env)
      known = ours(Options::ALL.flat_map(&:variables))
      (ours(env.keys) - known).filter_map do |name|
        near = Suggestion.nearest(name, known)
        "variable #{PREFIX}#{name} is none of Hyperion's; did you mean #{PREFIX}#{near}?" if near
      end
    end

    def ours(names) = names.select { |name| name.start_with?(PREFIX) }.map { |name| name.delete_prefix(PREFIX) }
  end
end
