# frozen_string_literal: true

module Bench
  # Iodine, one process.
  class Iodine < Peer
    label "iodine"

    private

    # Its help names it.
    def version_option = "-?"

    def arguments(kase, port) = ["-b", HOST, "-p", port.to_s, "-t", threads.to_s, "-w", "1", kase.app.path]
  end
end
