# frozen_string_literal: true

require "tempfile"

module Bench
  # Pitchfork, which has processes where others have threads, and a connection for each request.
  class Pitchfork < Peer
    label "pitchfork"

    def remark = "#{threads} processes; a connection for each request"

    def closes? = true

    private

    def arguments(kase, port)
      @file = Tempfile.new(["bench-pitchfork", ".rb"])
      @file.write("worker_processes #{threads}\nlogger Logger.new(nil)\n")
      @file.close
      ["-E", "production", "-l", "#{HOST}:#{port}", "-c", @file.path, kase.app.path]
    end
  end
end
