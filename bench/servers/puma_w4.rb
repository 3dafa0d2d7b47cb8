# frozen_string_literal: true

require_relative "puma"

module Bench
  # Puma, a master and four workers of one thread.
  class PumaW4 < Puma
    label "puma-w4"

    private

    def size = %w[-t 1:1 -w 4]
  end
end
