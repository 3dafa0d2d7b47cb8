# frozen_string_literal: true

module Bench
  # Itsi, one process.
  class Itsi < Peer
    label "itsi"

    private

    def arguments(kase, port)
      ["--bind", "http://#{HOST}:#{port}", "--workers", "1", "--threads", threads.to_s, "--rackup_file", kase.app.path]
    end
  end
end
