# frozen_string_literal: true

require "json"

module Bench
  # No server: pure Ruby that builds an env and calls the app. It has CPU per request and nothing else.
  class FloorRuby < Server
    label "floor-ruby"

    PROGRAM = "#{ROOT}/bench/floors/env_and_call.rb"

    def floor? = true

    def measure(row, kase)
      JSON.parse(Tool.output("ruby", PROGRAM, kase.app.path, row.seconds.to_s), symbolize_names: true)
    end
  end
end
