# frozen_string_literal: true

require "tempfile"

module Bench
  # Unicorn, which has processes where others have threads, and a connection for each request.
  class Unicorn < Peer
    label "unicorn"

    def remark = "#{threads} processes; a connection for each request"

    def closes? = true

    private

    def arguments(kase, port)
      @file = Tempfile.new(["bench-unicorn", ".rb"])
      @file.write("worker_processes #{threads}\npreload_app true\nlogger Logger.new(nil)\n")
      @file.close
      ["-E", "production", "-l", "#{HOST}:#{port}", "-c", @file.path, kase.app.path]
    end
  end
end
