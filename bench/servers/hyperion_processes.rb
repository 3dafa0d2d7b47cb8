# frozen_string_literal: true

require_relative "hyperion"

module Bench
  # Hyperion of this checkout with a process where it has threads elsewhere, as Unicorn and Passenger have:
  # a master and workers of one thread, over epoll.
  class HyperionProcesses < Hyperion
    label "hyperion-processes"

    def remark = "#{@settings.threads} processes"

    private

    def workers = @settings.threads

    def threads = 1
  end
end
