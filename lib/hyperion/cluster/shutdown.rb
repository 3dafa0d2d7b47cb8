# frozen_string_literal: true

module Hyperion
  # The end of a master and its workers, from the first request to stop to the exit status.
  class Shutdown
    MARGIN_S = 2 # What a worker may take beyond the graceful timeout to end.

    # What workers may take to accept for the last time. One that hangs would let clients connect and wait.
    LAST_ACCEPT_S = 2

    # @return [Integer] the exit status of the server
    attr_accessor :status

    # @param configuration [Configuration]
    # @param log [Log]
    # @param signals [Signals]
    # @param sockets [Sockets]
    # @param slots [Array<Slot>]
    # @param watchdog [Watchdog]
    def initialize(configuration, log, signals, sockets, slots, watchdog)
      @configuration = configuration
      @log = log
      @signals = signals
      @sockets = sockets
      @slots = slots
      @watchdog = watchdog
      @status = 0
    end

    # @return [Numeric] what a worker may take to end
    def patience_s = @configuration.graceful_timeout + MARGIN_S

    # @return [Numeric] what the end may take from the first request on
    def grace_s = @configuration.drain_delay + patience_s

    # @return [Boolean]
    def begun? = !@begun_at.nil?

    # @return [Boolean] whether nothing is left to wait for
    def over? = begun? && workers.empty?

    # Tells every worker to finish what it has begun.
    # @param reason [Symbol]
    def begin(reason, now)
      return if begun?

      @begun_at = now
      @log.info("stopping", reason: reason, workers: workers.size)
      @signals.announce_stop
      @sockets.remove_files
      workers.each(&:stop)
    end

    # To be called from time to time once it has begun.
    def round(now)
      @sockets.end_listening if now >= @begun_at + LAST_ACCEPT_S
      @status = 1 if now >= @begun_at + patience_s && @watchdog.kill_all
    end

    # A worker that did not come to a clean end, as behind a hook that hangs, is no clean end of the server.
    # @param status [Process::Status, nil]
    # @param how [String] it ended
    def ended(slot, worker, status, how)
      return if status.nil? || status.success? || worker.killed?

      @status = 1 if @status.zero?
      @log.error("#{slot} (#{worker.pid}) ended while the server stops: #{how}")
    end

    private

    def workers = @slots.flat_map(&:workers)
  end
end
