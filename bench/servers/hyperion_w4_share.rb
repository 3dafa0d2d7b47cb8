# frozen_string_literal: true

require_relative "hyperion_w4"

module Bench
  # The same over epoll, where all workers accept from one socket.
  class HyperionW4Share < HyperionW4
    label "hyperion-w4-share"

    private

    def model = "share"
  end
end
