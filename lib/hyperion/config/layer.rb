# frozen_string_literal: true

module Hyperion
  # A value and where it came from.
  Setting = Struct.new(:value, :source) do
    # @return [String]
    def to_s = "#{value} (#{source})"
  end

  # What one place says about options: settings by name, and the problems met on the way.
  class Layer
    # @return [Hash{Symbol=>Setting}]
    attr_reader :settings
    # @return [Array<String>]
    attr_reader :problems
    # @return [Array<String>]
    attr_reader :remarks

    def initialize
      @settings = {}
      @problems = []
      @remarks = []
    end

    # Reads a raw value. A repeatable option gathers what this place says of it; of the others the last word counts.
    # @param source [String] how an operator finds this place
    def set(option, raw, source)
      value = option.kind.parse(raw)
      remark = option.kind.remark(raw) and @remarks << "#{source}: #{option.name}: #{remark}"
      former = @settings[option.name] if option.kind.repeatable?
      value = former.value + value if former
      @settings[option.name] = Setting.new(value, former ? former.source : source)
    rescue Kinds::Invalid => e
      problem(source, "#{option.name}: #{e.message}")
    end

    def problem(source, message) = @problems << "#{source}: #{message}"
  end
end
