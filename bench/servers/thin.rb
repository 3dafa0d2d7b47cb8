# frozen_string_literal: true

module Bench
  # Thin, an event loop whose requests go to a pool of threads.
  class Thin < Peer
    label "thin"

    MANY = "20000"

    def remark = "ends the connection behind a response without content-length"

    # It counts as one of those that may: Rails and streams leave the length out.
    def closes? = true

    private

    def arguments(kase, port)
      ["start", "--quiet", "--address", HOST, "--port", port.to_s, "--environment", "production", "--rackup", kase.app.path,
       "--threaded", "--threadpool-size", threads.to_s, "--max-conns", MANY, "--max-persistent-conns", MANY]
    end
  end
end
