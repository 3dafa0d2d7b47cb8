# frozen_string_literal: true

require_relative "hyperion_w4"

module Bench
  # The same over io_uring.
  class HyperionW4IoUring < HyperionW4
    label "hyperion-w4-io_uring"

    private

    def io = "io_uring"
  end
end
