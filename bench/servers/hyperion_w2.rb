# frozen_string_literal: true

require_relative "hyperion"

module Bench
  # Hyperion of this checkout, a master and two workers, over epoll.
  class HyperionW2 < Hyperion
    label "hyperion-w2"

    private

    def workers = 2
  end
end
