# frozen_string_literal: true

require_relative "heartbeat"
require_relative "../process/worker_life"

module Hyperion
  # A forked process of a cluster.
  class Worker
    # @param launcher [Launcher]
    # @param slot [Integer]
    # @param heartbeat [Heartbeat]
    def initialize(launcher, slot, heartbeat)
      @launcher = launcher
      @slot = slot
      @heartbeat = heartbeat
    end

    # Serves until told to stop; to be called in the forked process. Ends it.
    def run
      leave_master
      configuration = @launcher.configuration
      @heartbeat.start(@launcher.event_queue, grace_s: configuration.graceful_timeout, max_requests: configuration.worker_max_requests)
      WorkerLife.new(@launcher, slot: @slot).run { |io_driver, routes| @heartbeat.booted(io_driver, routes) }
      exit(0)
    rescue SystemExit
      raise
    rescue Exception => e # Whatever it is, the master must know.
      @heartbeat.failed(e.is_a?(Error) || e.is_a?(ThreadError) ? e.message : e.full_message(highlight: false))
      exit!(1)
    end

    private

    def leave_master
      @launcher.signals.worker_boot
      heard = @launcher.event_queue.after_fork # By the handlers of the master, before.
      exit!(0) if heard.include?(:TERM) || heard.include?(:QUIT)
      Process.setproctitle("hyperion: worker #{@slot}")
    end
  end
end
