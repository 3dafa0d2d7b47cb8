# frozen_string_literal: true

require_relative "hyperion"

module Bench
  # Hyperion of this checkout with each request in a fiber.
  class HyperionFibers < Hyperion
    label "hyperion-fibers"

    FIBERS = 256

    def remark = "at most #{FIBERS} requests at once, each in a fiber"

    def at_once = FIBERS

    private

    def flags = ["--async-io", "--fibers", FIBERS.to_s]
  end
end
