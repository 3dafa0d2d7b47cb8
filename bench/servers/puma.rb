# frozen_string_literal: true

module Bench
  # The Puma on PATH, one process: what the others are compared with.
  class Puma < Peer
    label "puma"

    def self.program = "puma"

    def log_switch? = true

    private

    def arguments(kase, port)
      log = kase.log ? ["--log-requests"] : ["--quiet"]
      ["--no-config", "-b", "tcp://#{HOST}:#{port}", *size, *log, kase.app.path]
    end

    def size = ["-t", "#{threads}:#{threads}", "-w", "0"]
  end
end
