# frozen_string_literal: true

module Bench
  # Kino, one process with its network in Rust; it decides by itself whether an app can run in Ractors.
  class Kino < Peer
    label "kino"

    def remark = "#{threads} Ractors where the app can be shared, else as many threads"

    private

    def arguments(kase, port)
      ["--bind", HOST, "--port", port.to_s, "--workers", threads.to_s, "--threads", "1", "--mode", "auto", kase.app.path]
    end
  end
end
