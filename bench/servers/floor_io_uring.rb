# frozen_string_literal: true

require_relative "floor_epoll"

module Bench
  # No server: the bare ring of bench/native/floor_io_uring.c, which answers without reading.
  class FloorIoUring < FloorEpoll
    label "floor-io_uring"

    def command(_kase, port) = [Tool.compiled("floor_io_uring"), port.to_s]
  end
end
