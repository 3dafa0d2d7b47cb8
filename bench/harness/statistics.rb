# frozen_string_literal: true

module Bench
  # What is told about a few numbers. Of none there is nothing to tell: nil.
  module Statistics
    module_function

    # @param values [Array<Numeric>]
    def median(values)
      return if values.empty?

      sorted = values.sort
      middle = sorted.size / 2
      sorted.size.odd? ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2.0
    end

    # How far apart the values are, as a share of the median.
    def spread(values)
      middle = median(values)
      (values.max - values.min).fdiv(middle) if middle&.positive?
    end

    # @return [Float, nil] nil where one is missing or the divisor is zero
    def ratio(value, reference)
      value.fdiv(reference) if value && reference && !reference.zero?
    end

    # CPU seconds that so many requests would take.
    def per_100k(seconds, requests) = ratio(seconds * 100_000, requests)
  end
end
