# frozen_string_literal: true

require_relative "hyperion"

module Bench
  # Hyperion of this checkout, a master and four workers of one thread, over epoll.
  class HyperionW4 < Hyperion
    label "hyperion-w4"

    private

    def workers = 4

    def threads = 1

    def flags = ["--admin-token", WorkerCounts::TOKEN, "--worker-model", model]

    def model = "reuseport"
  end
end
