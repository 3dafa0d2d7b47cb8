# frozen_string_literal: true

module Bench
  # Remembers the classes that extend it, by their label. A row or a server is one file with one class.
  module Registry
    # @return [Array<Class>] in the order of their files
    def all = @all ||= []

    def inherited(subclass)
      super
      Registry.root_of(self).all << subclass
    end

    # Sets the name that reports and the command line use, or tells it.
    def label(text = nil)
      text ? @label = text : @label
    end

    # @return [Class]
    # @raise [Failure] which lists what there is
    def named(label)
      named = labelled.find { |member| member.label == label }
      named || raise(Failure, "unknown #{name.split("::").last.downcase} #{label}; there are #{labelled.map(&:label).join(", ")}")
    end

    # @return [Array<Class>] without those that others derive from only
    def labelled = all.select(&:label)

    def self.root_of(member)
      member = member.superclass while member.superclass.singleton_class.include?(self)
      member
    end
  end
end
