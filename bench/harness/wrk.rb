# frozen_string_literal: true

module Bench
  # A closed loop by wrk: each connection sends its next request when it has its answer. Its latencies
  # leave out what was never sent because the server was slow; compare them at equal load only.
  module Wrk
    THREADS = 2
    UNITS_US = { "us" => 1, "ms" => 1_000, "s" => 1_000_000, "m" => 60_000_000 }.freeze
    DURATION = /([\d.]+)(us|ms|s|m)\b/

    module_function

    # @return [Hash{Symbol=>Numeric}]
    # @param script [String, nil] path of a Lua program that makes the requests
    # @param close [Boolean] whether each request has a connection of its own
    def run(port:, connections:, seconds:, target: "/", script: nil, close: false, threads: THREADS)
      parse(Tool.output("wrk", "-t#{[threads, connections].min}", "-c#{connections}", "-d#{seconds}s", "--latency",
        *(["-s", script] if script), *(["-H", "Connection: close"] if close), "http://#{Server::HOST}:#{port}#{target}"))
    end

    # @param text [String] what wrk prints with --latency
    # @return [Hash{Symbol=>Numeric}] requests that were answered rightly, seconds, errors, p50_us, p90_us,
    #   p99_us, max_us
    def parse(text)
      requests, unit_s = text.match(/^\s*(\d+) requests in ([\d.]+\w+)/)&.captures
      raise Failure, "wrk said: #{text.split.join(" ")}" unless requests

      { requests: requests.to_i - refused(text), seconds: microseconds(unit_s) / 1e6, errors: errors(text), **latency(text) }
    end

    def latency(text)
      names = { p50_us: /^\s*50%\s+(\S+)/, p90_us: /^\s*90%\s+(\S+)/, p99_us: /^\s*99%\s+(\S+)/,
                max_us: /^\s*Latency\s+\S+\s+\S+\s+(\S+)/ }
      names.transform_values { |pattern| microseconds(text[pattern, 1]) }
    end

    # @return [Float, nil]
    def microseconds(text)
      number, unit = text.to_s.match(DURATION)&.captures
      number.to_f * UNITS_US.fetch(unit) if number
    end

    # Socket errors and answers that are no success.
    def errors(text) = text[/^\s*Socket errors: (.*)/, 1].to_s.scan(/\d+/).sum(&:to_i) + refused(text)

    def refused(text) = text[/^\s*Non-2xx or 3xx responses: (\d+)/, 1].to_i
  end
end
