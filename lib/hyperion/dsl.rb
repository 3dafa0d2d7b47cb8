# frozen_string_literal: true

require_relative "options"
require_relative "setting"
require_relative "suggestion"

module Hyperion
  # Reads the configuration file: Ruby in which each option is a method of its name. It goes on behind
  # an error of a name or a value, so that all of them are told.
  class DSL
    # @return [Layer] what the file says
    attr_reader :layer
    # @return [Hash{Symbol=>Array<Proc>}] blocks by the name of their hook
    attr_reader :hooks

    # @param path [String]
    def self.load(path)
      new.tap { |dsl| dsl.__send__(:evaluate, path) }
    end

    def initialize
      @layer = Layer.new
      @hooks = Hash.new { |hash, name| hash[name] = [] }
    end

    Options::ALL.each do |option|
      next if option.name == :config

      option.names.each do |name|
        define_method(name) { |*values| assign(option, name, values) }
      end
    end

    Options::HOOKS.each_key do |hook|
      define_method(hook) do |&block|
        block ? @hooks[hook] << block : @layer.problem(here, "#{hook} needs a block")
        nil
      end
    end

    Options::GROUPS.each do |group, prefix|
      define_method(group) do |&block|
        block ? Group.new(self, prefix).instance_eval(&block) : @layer.problem(here, "#{group} needs a block")
        nil
      end
    end

    private

    def evaluate(path)
      @path = path
      instance_eval(File.read(path), path, 1)
    rescue ScriptError, StandardError => e
      report(e)
    end

    def report(error)
      return @layer.problem(error.message.lines.first[/\A.*?:\d+/] || @path, error.message.sub(/\A.*?:\d+:\s*/, "")) if error.is_a?(SyntaxError)

      @layer.problem(here(error.backtrace_locations), "#{error.message} (#{error.class})")
    end

    def assign(option, name, values)
      values = [true] if values.empty? && option.kind.switch?
      return @layer.problem(here, "#{name} takes one value, not #{values.size}") unless values.size == 1

      @layer.set(option, values.first, here)
      nil
    end

    # The line of the file that is being run.
    def here(locations = nil)
      location = (locations || caller_locations(1)).find { |candidate| candidate.path == @path }
      location ? "#{@path}:#{location.lineno}" : @path
    end

    def respond_to_missing?(*) = false

    def method_missing(name, *)
      known = Options::ALL.flat_map(&:names) - [:config] + Options::HOOKS.keys + Options::GROUPS.keys
      @layer.problem(here, "there is no option #{name}#{Suggestion.for(name, known)}")
      nil
    end

    # Inside a block such as `logging do … end`.
    class Group < BasicObject
      def initialize(dsl, prefix)
        @dsl = dsl
        @prefix = prefix
      end

      private

      def respond_to_missing?(*) = false

      def method_missing(name, *values) = @dsl.__send__(:"#{@prefix}#{name}", *values)
    end
  end
end
