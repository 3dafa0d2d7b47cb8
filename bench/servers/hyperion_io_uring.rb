# frozen_string_literal: true

require_relative "hyperion"

module Bench
  # Hyperion of this checkout, one process, over io_uring.
  class HyperionIoUring < Hyperion
    label "hyperion-io_uring"

    private

    def io = "io_uring"
  end
end
