# frozen_string_literal: true

require_relative "puma"

module Bench
  # The Puma on PATH, a master and four workers of one thread.
  class PumaW4 < Puma
    label "puma-w4"

    def command(kase, port)
      ["puma", "--no-config", "-b", "tcp://#{HOST}:#{port}", "-t", "1:1", "-w", "4", "--quiet", kase.app.path]
    end
  end
end
