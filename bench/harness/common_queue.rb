# frozen_string_literal: true

module Bench
  # What requests would wait if all threads took them from one queue, first come first served: the best
  # that any way of sharing them out can do without knowing how long each takes.
  module CommonQueue
    module_function

    # @param streams [Hash{Symbol=>Array(Numeric, Numeric)}] rate per second and length in seconds, by name
    # @param threads [Integer]
    # @param seconds [Numeric] of evenly spaced arrivals
    # @return [Hash{Symbol=>Array<Float>}] seconds from each arrival to the end of its answer, in order of size
    def latencies(streams, threads:, seconds:)
      arrivals = streams.flat_map { |name, (rate, length)| Array.new((rate * seconds).to_i) { |index| [index / rate.to_f, name, length] } }
      free = Array.new(threads, 0.0)
      found = streams.keys.to_h { |name| [name, []] }
      arrivals.sort_by.with_index { |(at, *), index| [at, index] }.each do |at, name, length|
        thread = free.each_index.min_by { |index| free[index] }
        free[thread] = [at, free[thread]].max + length
        found[name] << (free[thread] - at)
      end
      found.transform_values(&:sort)
    end

    # @param sorted [Array<Float>]
    # @return [Float, nil] what this share of all do not exceed
    def percentile(sorted, share) = sorted[[(sorted.size * share).ceil - 1, 0].max]
  end
end
