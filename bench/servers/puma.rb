# frozen_string_literal: true

module Bench
  # The Puma on PATH, one process: what the others are compared with.
  class Puma < Server
    label "puma"

    def missing = which("puma") ? nil : "not installed: no puma on PATH"

    def command(kase, port)
      count = @settings.threads
      log = kase.log ? ["--log-requests"] : ["--quiet"]
      ["puma", "--no-config", "-b", "tcp://#{HOST}:#{port}", "-t", "#{count}:#{count}", "-w", "0", *log, kase.app.path]
    end
  end
end
