# frozen_string_literal: true

module Bench
  # No server: the bare socket loop of bench/native/floor_epoll.c, which answers without reading.
  class FloorEpoll < Server
    label "floor-epoll"

    def floor? = true

    def missing = which("cc") ? nil : "not built: no C compiler cc on PATH"

    def excluded(kase)
      "sends one fixed response without TLS" if kase.tls || !kase.app.fixed
    end

    def command(_kase, port) = [Tool.compiled("floor_epoll"), port.to_s]
  end
end
