# frozen_string_literal: true

module Bench
  # Agoo, one process.
  class Agoo < Peer
    label "agoo"

    private

    def arguments(kase, port) = ["-s", "-b", "http://#{HOST}:#{port}", "-t", threads.to_s, "-w", "1", kase.app.path]
  end
end
