# frozen_string_literal: true

module Bench
  # Connections that end behind ten requests, as those of many visitors do.
  class Short < Row
    label "short"
    about "What do connections cost that end behind ten requests?"

    REQUESTS = 10

    def servers = ["hyperion", "hyperion-io_uring", "hyperion_handle_static", "nginx", *PEERS]

    def load(kase, port, seconds) = generate(kase, port, seconds, per_connection: REQUESTS)
  end
end
