# frozen_string_literal: true

require "etc"

module Bench
  # Falcon as its authors run it: a process for each processor, whose requests are fibers of one reactor.
  class Falcon < Peer
    label "falcon"

    def remark = "#{processes} processes, one for each processor; fibers instead of threads"

    private

    def processes = Etc.nprocessors

    def arguments(kase, port)
      ["serve", "--bind", "http://#{HOST}:#{port}", "--forked", "--count", processes.to_s, "--config", kase.app.path]
    end
  end
end
