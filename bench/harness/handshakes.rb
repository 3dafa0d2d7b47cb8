# frozen_string_literal: true

module Bench
  # New TLS connections by `openssl s_time`, each with one request: one after another in every process.
  module Handshakes
    PROCESSES = 2

    module_function

    # @param resumed [Boolean] whether each session goes on from an earlier one
    # @param version [String] as in the option of s_time: tls1_2 or tls1_3
    # @return [Hash{Symbol=>Numeric}] requests, seconds, errors
    def run(port:, seconds:, resumed:, version:)
      command = ["openssl", "s_time", "-connect", "#{Server::HOST}:#{port}", "-#{version}",
                 resumed ? "-reuse" : "-new", "-www", "/", "-time", seconds.to_s]
      threads = Array.new(PROCESSES) { Thread.new { Tool.output(*command) }.tap { |thread| thread.report_on_exception = false } }
      texts = threads.map(&:value)
      { requests: texts.sum { |text| parse(text) }, seconds: seconds.to_f, errors: 0 }
    end

    # @param text [String] what s_time prints
    # @return [Integer] connections within the time
    # @raise [Failure]
    def parse(text)
      text[/^(\d+) connections in \d+ real seconds/, 1]&.to_i || raise(Failure, "openssl s_time said: #{text.split.last(20).join(" ")}")
    end
  end
end
