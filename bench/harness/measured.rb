# frozen_string_literal: true

module Bench
  # What the runs of one cell tell together. Whoever includes it has `runs`, an Array of Hashes.
  module Measured
    # @return [Array<Object>] one for each run that has it
    def values(key) = runs.filter_map { |run| run[key] }

    def median(key) = Statistics.median(values(key))

    def spread(key) = Statistics.spread(values(key))

    def sum(key) = values(key).sum

    def max(key) = values(key).max

    def min(key) = values(key).min

    # @return [Hash{Symbol=>Hash{Symbol=>Numeric}}] median, min, max and spread of all that is a number
    def distribution
      keys = runs.flat_map(&:keys).uniq.select { |key| values(key).any? && values(key).all?(Numeric) }
      %i[median min max spread].to_h { |name| [name, keys.to_h { |key| [key, public_send(name, key)] }] }
    end
  end
end
