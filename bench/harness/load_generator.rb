# frozen_string_literal: true

require "json"

module Bench
  # The bench's own load generator, the crate in bench/load, whose main.rs tells how it works.
  module LoadGenerator
    PROGRAM = "hyperion-load"

    module_function

    # @param rate [Integer] requests per second, on all connections together; 0 is a closed loop
    # @param target [String] path and query of all requests, unless others are given
    # @param requests [Array<Hash{Symbol=>Object}>] kinds of requests, each with its target and, where it differs
    #   from a plain GET, method, headers, body, chunk (the body comes in chunks of so many bytes) and weight
    # @param per_connection [Integer, nil] each connection ends behind so many requests
    # @return [Hash{Symbol=>Object}] as of `parse`
    def run(port:, connections:, seconds:, rate: 0, target: "/", requests: [{ target: target }], per_connection: nil)
      plan = { port: port, connections: connections, seconds: seconds, rate: rate, per_connection: per_connection,
               requests: requests.map { |request| in_characters(request) } }
      parse(Tool.output(Tool.built(PROGRAM), input: JSON.generate(plan)))
    end

    # @param text [String] its line of JSON
    # @return [Hash{Symbol=>Object}] requests, seconds, errors, unanswered, reconnects; p50_us … max_us and
    #   histogram, pairs of quantile and microseconds; per_connection, the number of answers that each had;
    #   and kinds, for each kind of request in their order requests, p50_us … max_us and histogram
    def parse(text)
      JSON.parse(text, symbolize_names: true)
    rescue JSON::ParserError
      raise Failure, "#{PROGRAM} said: #{text.split.join(" ")}"
    end

    # JSON has no bytes: each becomes the character of its number.
    def in_characters(request)
      return request unless request[:body]

      { **request, body: request[:body].b.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8) }
    end
  end
end
