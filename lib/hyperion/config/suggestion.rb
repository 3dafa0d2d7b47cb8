# frozen_string_literal: true

module Hyperion
  # "; did you mean …?" for a name that was mistyped.
  module Suggestion
    # @return [String] empty where nothing is near
    def self.for(word, candidates)
      near = nearest(word, candidates)
      near ? "; did you mean #{near}?" : ""
    end

    # @return [String, nil]
    def self.nearest(word, candidates)
      require "did_you_mean"
      DidYouMean::SpellChecker.new(dictionary: candidates.map(&:to_s)).correct(word.to_s).first
    rescue LoadError
      nil
    end
  end
end
