# frozen_string_literal: true

require_relative "heartbeat"
require_relative "../process/worker_life"

module Hyperion
  # A forked process of a cluster.
  class Worker
    # @param slot [Integer]
    # @param heartbeat [Heartbeat]
    # @param life [WorkerLife]
    # @param configuration [Configuration]
    # @param event_queue [EventQueue]
    # @param signals [Signals]
    def initialize(slot:, heartbeat:, life:, configuration:, event_queue:, signals:)
      @slot = slot
      @heartbeat = heartbeat
      @life = life
      @configuration = configuration
      @event_queue = event_queue
      @signals = signals
    end

    # Serves until told to stop; to be called in the forked process. Ends it.
    def run
      leave_master
      @heartbeat.start(@event_queue, grace_s: @configuration.graceful_timeout, max_requests: @configuration.worker_max_requests)
      @life.run { |io_driver, routes| @heartbeat.booted(io_driver, routes) }
      exit(0)
    rescue SystemExit
      raise
    rescue Exception => e # Whatever it is, the master must know.
      @heartbeat.failed(e.is_a?(Error) || e.is_a?(ThreadError) ? e.message : e.full_message(highlight: false))
      exit!(1)
    end

    private

    def leave_master
      @signals.worker_boot
      heard = @event_queue.after_fork # By the handlers of the master, before.
      exit!(0) if heard.include?(:TERM) || heard.include?(:QUIT)
      Process.setproctitle("hyperion: worker #{@slot}")
    end
  end
end
