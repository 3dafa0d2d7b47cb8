# frozen_string_literal: true

require_relative "slot_engine"

module Hyperion
  # The life of a process that serves, alone or as a worker: hooks, events, drain, end.
  class WorkerLife
    # A worker that has a successor waits this long for the next request of each connection. The response has
    # `connection: close`, so that no client writes to a connection that is being closed.
    LAST_CALL_S = 5

    # @param application [Application]
    # @param slot_engine [SlotEngine]
    # @param configuration [Configuration]
    # @param log [Log]
    # @param hooks [Hooks]
    # @param event_queue [EventQueue]
    # @param signals [Signals]
    # @param notice [Notice, nil] of a stop; nil where a master gives it, and tells this process when its time has come
    def initialize(application:, slot_engine:, configuration:, log:, hooks:, event_queue:, signals:, notice: nil)
      @application = application
      @slot_engine = slot_engine
      @configuration = configuration
      @log = log
      @hooks = hooks
      @event_queue = event_queue
      @signals = signals
      @notice = notice
    end

    # Loads what is not loaded, starts the engine, and serves until told to stop.
    # @yield [String, String] once, when requests are served: the name of the I/O driver, and what is
    #   answered without the app, or nil
    # @raise [Error] where it cannot start
    # @return [nil]
    def run
      app = @application.load
      @hooks.run(:on_worker_boot, @slot_engine.slot)
      @slot_engine.start(app)
      hear_signals
      yield @slot_engine.io_driver, @slot_engine.routes
      serve
    ensure
      finish
    end

    # @return [Boolean] whether threads of the app could not be ended; the process must not wait for them
    def threads_remain? = @threads_remain || false

    private

    def hear_signals
      grace_s = @configuration.graceful_timeout
      @notice ? @signals.single(grace_s + @configuration.drain_delay) : @signals.worker(grace_s)
    end

    def serve
      until @drained
        @event_queue.take(@slot_engine.pause_s).first.each { |event, detail| handle(event, detail) }
        @slot_engine.round
      end
    end

    def handle(event, detail)
      case event
      when :TERM, :INT, :QUIT then @notice ? @notice.give(event) : drain(event)
      when :leave then drain(detail, for_good: true)
      when :orphaned then drain(event, for_good: true)
      when :retired then drain(event)
      when :stop then stop
      when :cover then @slot_engine.cover(detail)
      when :uncover then @slot_engine.uncover(detail)
      when :retire then retire
      when :HUP then @notice&.give_if_hung_up || @slot_engine.read_again
      when :died then @slot_engine.replace(detail)
      when :drained then finish_drain(detail)
      else @log.info("signal ignored", signal: event)
      end
    end

    def stop
      @slot_engine.cover_all unless @slot_engine.draining?
      drain(:stop, for_good: true)
    end

    def retire
      @slot_engine.last_call(LAST_CALL_S)
      @log.info("last call", pid: Process.pid, seconds: LAST_CALL_S)
    end

    def drain(reason, for_good: false)
      return if @slot_engine.draining?

      @log.info("draining", reason: reason, graceful_timeout: @configuration.graceful_timeout)
      @signals.announce_stop
      @slot_engine.drain(@configuration.graceful_timeout, for_good: for_good)
    end

    def finish_drain(complete)
      @log.warn("requests in flight are abandoned: graceful_timeout is over") unless complete
      @drained = true
    end

    def finish
      @hooks.run_late(:on_worker_shutdown, @slot_engine.slot) if @drained
      @threads_remain = !@slot_engine.stop
    end
  end
end
