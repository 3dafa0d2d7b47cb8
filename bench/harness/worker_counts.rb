# frozen_string_literal: true

require "json"
require "net/http"

module Bench
  # What the workers of a running cluster have done so far, as the server tells it.
  module WorkerCounts
    TOKEN = "bench"

    module_function

    # @return [Hash{String=>Integer}] requests by worker
    def requests(port) = parse_requests(page(port, "metrics"))

    # @return [Array<Integer>] open connections of each worker
    def connections(port) = JSON.parse(page(port, "stats")).fetch("workers").map { |worker| worker.fetch("connections_active") }

    # @param text [String] a scrape
    def parse_requests(text)
      text.scan(/^hyperion_requests_dispatch_total\{worker_id="(\d+)"\} (\d+)/).to_h { |worker, count| [worker, Integer(count)] }
    end

    def page(port, name)
      answer = Net::HTTP.get_response(URI("http://#{Server::HOST}:#{port}/-/#{name}"), { "x-hyperion-admin-token" => TOKEN })
      raise Failure, "/-/#{name} is answered #{answer.code}" unless answer.code == "200"

      answer.body
    end
  end
end
