# frozen_string_literal: true

module Bench
  # The least app: what is left is the server.
  class Hello < Row
    label "hello"
    about "What does the server itself cost, for an app that answers at once?"

    def servers = ["hyperion", "hyperion-io_uring", "hyperion-processes", "hyperion-fibers", "hyperion_handle_static", *PEERS, "floor-epoll", "floor-ruby"]
  end
end
