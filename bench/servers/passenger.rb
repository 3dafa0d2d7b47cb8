# frozen_string_literal: true

require "fileutils"

module Bench
  # Passenger in its standalone form, which has processes where others have threads.
  class Passenger < Peer
    label "passenger"

    FOLDER = "#{ROOT}/tmp/bench/passenger"

    def remark = "#{threads} processes"

    private

    def arguments(kase, port)
      FileUtils.mkdir_p(FOLDER)
      count = threads.to_s
      ["start", "--engine", "builtin", "--address", HOST, "--port", port.to_s, "--environment", "production", "--rackup", kase.app.path,
       "--max-pool-size", count, "--min-instances", count, "--disable-security-update-check", "--disable-anonymous-telemetry",
       "--log-file", "/dev/stdout", "--pid-file", "#{FOLDER}/#{port}.pid"]
    end
  end
end
