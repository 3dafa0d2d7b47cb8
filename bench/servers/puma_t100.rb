# frozen_string_literal: true

require_relative "puma"

module Bench
  # Puma with as many threads as there are connections by default, for apps that wait.
  class PumaT100 < Puma
    label "puma-t100"

    THREADS = 100

    def at_once = THREADS

    private

    def size = ["-t", "#{THREADS}:#{THREADS}", "-w", "0"]
  end
end
