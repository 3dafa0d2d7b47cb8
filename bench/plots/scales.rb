# frozen_string_literal: true

module Bench
  module Plots
    # Where values lie along an axis, from 0.0 to 1.0, and which of them are written beside it.
    module Scales
      NICE = [1, 2, 5, 10].freeze
      FEW = 6

      # From zero.
      class Linear
        # What must be known to read it.
        REMARK = nil

        # @param values [Array<Numeric>] what is to be shown
        def initialize(values)
          largest = [values.max || 0, 0].max
          @step = step(largest)
          @top = [(largest / @step).ceil, 1].max * @step
        end

        def at(value) = (value / @top).to_f

        # @return [Array<Array(Float, String)>] place and text of each
        def ticks = (0..@top / @step).map { |count| [at(count * @step), Scales.text(count * @step)] }

        private

        def step(largest)
          least = Rational(largest.zero? ? 1 : largest) / (FEW - 1)
          decade = 10r**Math.log10(least).floor
          NICE.map { |nice| nice * decade }.find { |step| step >= least }
        end
      end

      # By magnitude, which has no zero.
      class Log
        REMARK = "log axis"

        def initialize(values)
          positive = values.select(&:positive?)
          least, most = positive.minmax
          least, most = 1, 10 unless least
          steps = (Math.log10(least).floor - 1..Math.log10(most).ceil + 1).flat_map { |exponent| NICE.first(3).map { |nice| nice * 10r**exponent } }
          @low = steps.reverse.find { |step| step <= least }
          @high = steps.find { |step| step >= most && step > @low }
          @steps = steps.select { |step| step.between?(@low, @high) }
        end

        # What is below all that was shown lies at the edge.
        def at(value) = value < @low ? 0.0 : Math.log10(value / @low) / Math.log10(@high / @low)

        def ticks
          decades = @steps.select { |step| Math.log10(step).round(6) % 1 == 0 }
          (@steps.size <= FEW ? @steps : decades).map { |step| [at(step), Scales.text(step)] }
        end
      end

      # Shares of all requests below one, each nine as wide as the one before.
      class Quantile
        MARKS = [0.0, 0.9, 0.99, 0.999, 0.9999, 0.99999].freeze

        def initialize(values)
          @nines = [values.map { |value| nines(value) }.max || 1, 1].max
        end

        def at(value) = nines(value) / @nines

        def ticks = MARKS.select { |mark| at(mark) <= 1 }.map { |mark| [at(mark), "#{format("%.6g", mark * 100)} %"] }

        private

        def nines(value) = -Math.log10(1 - value)
      end

      THOUSAND = 1000

      # @return [String] a round number, as short as it can be
      def self.text(value)
        return "#{format("%g", value / THOUSAND**2)}M" if value >= THOUSAND**2
        return "#{format("%g", value / THOUSAND)}k" if value >= THOUSAND * 10

        value >= THOUSAND ? Columns.number(value, 0) : format("%g", value)
      end
    end
  end
end
