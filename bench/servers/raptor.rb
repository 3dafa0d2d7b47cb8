# frozen_string_literal: true

require "fileutils"

module Bench
  # Raptor, one worker, whose Ractors parse what its threads answer.
  class Raptor < Peer
    label "raptor"

    FOLDER = "#{ROOT}/tmp/bench/raptor"

    def remark = "may have more threads than it begins with"

    def log_switch? = true

    private

    def arguments(kase, port)
      FileUtils.mkdir_p(FOLDER)
      log = kase.log ? ["--access-log-file", "/dev/stdout"] : []
      ["--bind", "tcp://#{HOST}:#{port}", "--workers", "1", "--threads", threads.to_s, "--environment", "production",
       "--stats-file", "#{FOLDER}/#{port}.json", *log, kase.app.path]
    end
  end
end
