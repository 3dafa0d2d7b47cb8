# frozen_string_literal: true

module Bench
  # How a number has changed between two sides of some runs each, and whether that is more than noise.
  class Difference
    RULE = "A change counts as better or worse where the runs of the two sides do not overlap, the medians are further apart than the runs " \
           "of either side, and the change is 3 % or more; of less than three runs on a side nothing is said. Among numbers of three runs " \
           "chance alone brings about a few in a hundred, among those of five hardly any."
    LEAST = 0.03
    LEAST_RUNS = 3

    # @param before [Array<Numeric>] a value of each run
    # @param after [Array<Numeric>]
    # @param good [Symbol] more or less
    def initialize(before, after, good:)
      @before = before
      @after = after
      @good = good
    end

    # @return [Float, nil] as a share of what was before
    def change = Statistics.ratio(Statistics.median(@after), Statistics.median(@before))&.-(1)

    # @return [Symbol, nil] better or worse; nil where it may be noise
    def verdict
      return if sides.any? { |side| side.size < LEAST_RUNS } || !outside_noise?

      (low == @before ? :more : :less) == @good ? :better : :worse
    end

    private

    def sides = [@before, @after]

    def low = sides.min_by { |side| Statistics.median(side) }

    def outside_noise?
      before, after = sides.map { |side| Statistics.median(side) }
      apart = (after - before).abs
      overlap = low.max >= sides.map(&:min).max
      !overlap && apart > sides.map { |side| side.max - side.min }.max && apart >= LEAST * before
    end
  end
end
