# frozen_string_literal: true

module Bench
  # Falcon, one process whose threads have a reactor each.
  class Falcon < Peer
    label "falcon"

    private

    def arguments(kase, port)
      ["serve", "--bind", "http://#{HOST}:#{port}", "--threaded", "--count", threads.to_s, "--config", kase.app.path]
    end
  end
end
