# frozen_string_literal: true

require_relative "options"
require_relative "puma_names"
require_relative "layer"
require_relative "suggestion"

module Hyperion
  # Reads the configuration file: Ruby in which each option is a method of its name. It goes on behind
  # an error of a name or a value, so that all of them are told.
  class DSL
    # @return [Layer] what the file says
    # @api private
    attr_reader :layer
    # @return [Hash{Symbol=>Array<Proc>}] blocks by the name of their hook
    # @api private
    attr_reader :hooks

    # @param path [String]
    # @api private
    def self.load(path)
      new.tap { |dsl| dsl.__send__(:evaluate, path) }
    end

    def initialize
      @layer = Layer.new
      @hooks = Hash.new { |hash, name| hash[name] = [] }
    end

    # Methods of every object that an option could be taken for; called with one value they mean none of those.
    AMBIGUOUS = %i[binding format select test trap].freeze

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

    AMBIGUOUS.each do |name|
      define_method(name) { |*values, &block| values.size == 1 && block.nil? ? method_missing(name) : super(*values, &block) }
    end

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
      values = [values.join(":")] if values.size == 2 && option.kind.is_a?(Kinds::ThreadCount)
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
      hint = PumaNames.hint(name)
      @layer.problem(here, "there is no option #{name}#{hint.empty? ? Suggestion.for(name, known) : hint}")
      nil
    end

    # Inside a block such as `logging do … end`: the options by their short names, and the methods of the file.
    class Group
      def initialize(dsl, prefix)
        @dsl = dsl
        @prefix = prefix
        short_names.each { |name| define_singleton_method(name) { |*values| @dsl.__send__(:"#{@prefix}#{name}", *values) } }
      end

      private

      def short_names = Options::ALL.flat_map(&:names).filter_map { |name| name.to_s.delete_prefix(@prefix) if name.start_with?(@prefix) }

      def respond_to_missing?(name, *) = @dsl.singleton_methods.include?(name)

      def method_missing(name, *values, **rest, &block)
        return @dsl.__send__(name, *values, **rest, &block) if @dsl.singleton_methods.include?(name)

        @dsl.__send__(:"#{@prefix}#{name}", *values)
      end
    end
  end
end
