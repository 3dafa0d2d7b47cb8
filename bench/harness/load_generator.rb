# frozen_string_literal: true

require "json"

module Bench
  # The bench's own load generator, bench/native/load.c, which tells how it works.
  module LoadGenerator
    module_function

    # @param target [String] path and query
    # @param rate [Integer] requests per second, on all connections together; 0 is a closed loop
    # @return [Hash{Symbol=>Object}] as of `parse`
    def run(port:, connections:, seconds:, rate: 0, target: "/")
      parse(Tool.output(Tool.compiled("load"), port.to_s, target, connections.to_s, seconds.to_s, rate.to_s))
    end

    # @param text [String] its line of JSON
    # @return [Hash{Symbol=>Object}] requests, seconds, errors, unanswered, p50_us … max_us and
    #   per_connection, the number of responses that each had
    def parse(text)
      JSON.parse(text, symbolize_names: true)
    rescue JSON::ParserError
      raise Failure, "load said: #{text.split.join(" ")}"
    end
  end
end
