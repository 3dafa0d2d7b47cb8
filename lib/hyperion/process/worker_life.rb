# frozen_string_literal: true

require_relative "certificates"
require_relative "drain_waiter"
require_relative "safe_fork"
require_relative "engine_runner"

module Hyperion
  # The life of a process that serves, alone or as a worker: hooks, events, drain, end.
  class WorkerLife
    # A worker that has a successor waits this long for the next request of each connection. The response has
    # `connection: close`, so that no client writes to a connection that is being closed.
    LAST_CALL_S = 5

    # Behind so much time, what could not be accepted for is tried again.
    RETRY_S = 1

    # @param launcher [Launcher]
    # @param slot [Integer] this process's number among its siblings, from 0
    def initialize(launcher, slot: 0)
      @launcher = launcher
      @configuration = launcher.configuration
      @event_queue = launcher.event_queue
      @slot = slot
      @uncovered = []
    end

    # Loads what is not loaded, starts the engine, and serves until told to stop.
    # @yield [String, String] once, when requests are served: the name of the I/O driver, and what is
    #   answered without the app, or nil
    # @raise [Error] where it cannot start
    # @return [nil]
    def run
      app = @launcher.app
      @launcher.hooks.run(:on_worker_boot, @slot)
      start(app)
      yield @runner.io_driver, @runner.routes
      serve
    ensure
      finish
    end

    private

    def start(app)
      # A successor's master has read the files long ago.
      certificates.look(@launcher.log)
      sockets = @launcher.sockets.listeners.binds_for_slot(@slot).transform_values { |bind| certificates.for(bind) }
      @runner = EngineRunner.new(app, @configuration, sockets,
                             died: ->(index) { @event_queue.post([:died, index]) }, handoff_channels: @launcher.handoff_channels,
                             seat: @launcher.seat, admin: @launcher.sockets.admin.for_slot(0), launched: true)
      @drain_waiter = DrainWaiter.new(@runner, @event_queue)
      hear_signals
      @runner.connect_log(@launcher.log)
    rescue ThreadError => e
      raise BootError, "its threads cannot be made: #{e.message}; #{SafeFork::MORE}"
    end

    # A worker is told to stop when its time has come; a single process waits for that by itself.
    def hear_signals
      grace_s = @configuration.graceful_timeout
      @configuration.cluster? ? @launcher.signals.worker(grace_s) : @launcher.signals.single(grace_s + @configuration.drain_delay)
    end

    def serve
      until @drained
        @event_queue.take(pause_s).first.each { |event, detail| handle(event, detail) }
        certificates.look(@launcher.log)
        @uncovered.dup.each { |slot| cover(slot) } unless @draining
      end
    end

    def pause_s = [(Certificates::LOOK_S if certificates.any?), (RETRY_S if @uncovered.any?)].compact.min

    def handle(event, detail)
      case event
      when :TERM, :INT, :QUIT then @configuration.cluster? ? drain(event) : @launcher.notice.give(event)
      when :leave then drain(detail, for_good: true)
      when :orphaned then drain(event, for_good: true)
      when :retired then drain(event)
      when :stop then stop
      when :cover then cover(detail)
      when :uncover then uncover(detail)
      when :retire then retire
      when :HUP then (!@configuration.cluster? && @launcher.notice.give_if_hung_up) || read_again
      when :died then replace(detail)
      when :drained then finish_drain(detail)
      else @launcher.log.info("signal ignored", signal: event)
      end
    end

    def replace(dead)
      raise EngineError, "its engine has failed; the log says how" if dead == :engine

      @runner.replace(dead) || @event_queue.post_in(Executors::RETRY_S, [:died, dead])
    end

    # Who cannot do so, as without a descriptor left, serves its own connections nevertheless, and tries again.
    def cover(slot, sockets = @launcher.sockets.listeners.others(@slot)[slot])
      @runner.cover(slot, sockets) if sockets
      @uncovered.delete(slot)
    rescue Error => e
      return if @uncovered.include?(slot)

      @uncovered << slot
      @launcher.log.error("connections of a worker that does not serve cannot be accepted", slot: slot, error: e.message)
    end

    def uncover(slot)
      @uncovered.delete(slot)
      @runner.uncover(slot)
    end

    # The whole server stops. The sockets of all slots are about to be closed by their last holders, so each
    # takes what has connected to any of them, and what was given to a worker that has died.
    def stop
      others = @draining ? {} : @launcher.sockets.listeners.others(@slot)
      others.each { |slot, sockets| cover(slot, @launcher.sockets.listeners.distinct? ? sockets : []) }
      drain(:stop, for_good: true)
    end

    def retire
      @launcher.sockets.listeners.close
      @runner.last_call
      @launcher.log.info("last call", pid: Process.pid, seconds: LAST_CALL_S)
      @drain_waiter.notify(LAST_CALL_S, :retired)
    end

    # @param for_good [Boolean] whether no other worker goes on accepting
    def drain(reason, for_good: false)
      return if @draining

      @draining = true
      @launcher.log.info("draining", reason: reason, graceful_timeout: @configuration.graceful_timeout)
      @launcher.signals.announce_stop
      @launcher.sockets.listeners.close
      @launcher.sockets.listeners.remove_files
      @runner.drain(for_good: for_good)
      @drain_waiter.notify(@configuration.graceful_timeout, :drained)
    end

    def finish_drain(complete)
      @launcher.log.warn("requests in flight are abandoned: graceful_timeout is over") unless complete
      @drained = true
    end

    def finish
      return unless @runner

      @launcher.hooks.run_late(:on_worker_shutdown, @slot) if @drained
      @launcher.threads_remain! unless @runner.stop
    end

    def read_again
      @runner.reopen_log
      @launcher.log.try_reopen
      certificates.reload(@launcher.log)
    end

    def certificates = @launcher.certificates
  end
end
