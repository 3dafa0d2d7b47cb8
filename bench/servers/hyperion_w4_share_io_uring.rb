# frozen_string_literal: true

require_relative "hyperion_w4_share"

module Bench
  # The same over io_uring, where all workers accept from one socket.
  class HyperionW4ShareIoUring < HyperionW4Share
    label "hyperion-w4-share-io_uring"

    private

    def io = "io_uring"
  end
end
