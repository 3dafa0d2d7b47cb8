# frozen_string_literal: true

require "tempfile"

module Bench
  # A closed loop over HTTP/2 by h2load: so many streams are open on each connection at any time.
  module H2load
    CLIENTS = 10

    module_function

    # @param streams [Integer] at once on each connection
    # @param tls [Boolean] else with prior knowledge
    # @param body [String, nil] path of a file to be posted
    # @param headers [Hash{String=>String}]
    # @return [Hash{Symbol=>Numeric}] as of `parse` and `latency`
    def run(port:, seconds:, streams:, tls:, target: "/", clients: CLIENTS, body: nil, headers: {})
      Tempfile.create("bench-h2load") do |log|
        url = "#{tls ? "https" : "http"}://#{Server::HOST}:#{port}#{target}"
        options = headers.map { |name, value| "--header=#{name}: #{value}" }
        options << "--data=#{body}" if body
        text = Tool.output("h2load", "-D#{seconds}", "-c#{clients}", "-m#{streams}", "--log-file=#{log.path}", *options, url)
        { **parse(text), **latency(log) }
      end
    end

    # @param text [String] what h2load prints
    # @return [Hash{Symbol=>Numeric}] requests, seconds, errors
    # @raise [Failure] when it tells no numbers
    def parse(text)
      seconds = text[/^finished in ([\d.]+\w+),/, 1]
      succeeded, failed, errored = text.match(/(\d+) succeeded, (\d+) failed, (\d+) errored/)&.captures&.map(&:to_i)
      raise Failure, "h2load said: #{text.split.last(20).join(" ")}" unless seconds && succeeded

      { requests: succeeded, seconds: Wrk.microseconds(seconds) / 1e6, errors: failed + errored }
    end

    SHARES = { p50_us: 0.5, p90_us: 0.9, p99_us: 0.99, p999_us: 0.999, max_us: 1.0 }.freeze

    # @param log [IO] lines of when, status and microseconds
    # @return [Hash{Symbol=>Numeric}] p50_us … max_us, of none nothing
    def latency(log)
      times = log.each_line.filter_map { |line| line[/\t(\d+)$/, 1]&.to_i }.sort
      return {} if times.empty?

      SHARES.transform_values { |share| times[((times.size - 1) * share).round].to_f }
    end
  end
end
