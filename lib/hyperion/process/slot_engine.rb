# frozen_string_literal: true

require_relative "certificates"
require_relative "drain_waiter"
require_relative "engine_runner"
require_relative "safe_fork"

module Hyperion
  # The engine of the process that serves a slot, and what it accepts from: the sockets of this slot, and those of
  # slots whose workers do not serve. A process without a master serves slot 0.
  class SlotEngine
    # Behind so much time, what could not be accepted for is tried again.
    RETRY_S = 1

    # @return [Integer] this process's number among its siblings, from 0
    attr_reader :slot

    # @param claim [Metrics::Claim] where this process counts
    # @param configuration [Configuration]
    # @param log [Log]
    # @param event_queue [EventQueue] gets [:died, index] as EngineRunner tells it, and [:retired, complete] or
    #   [:drained, complete] at an end
    # @param sockets [Sockets]
    # @param certificates [Certificates]
    # @param handoff_channels [HandoffChannels, nil] the channels to the other workers of a cluster
    def initialize(slot:, claim:, configuration:, log:, event_queue:, sockets:, certificates:, handoff_channels: nil)
      @slot = slot
      @claim = claim
      @configuration = configuration
      @log = log
      @event_queue = event_queue
      @listeners = sockets.listeners
      @admin = sockets.admin
      @certificates = certificates
      @handoff_channels = handoff_channels
      @uncovered = []
    end

    # Serves from here on.
    # @param app [#call]
    # @raise [Error] where it cannot
    def start(app)
      @certificates.look(@log) # A successor's master has read the files long ago.
      @runner = EngineRunner.new(app, @configuration, own_sockets, died: ->(index) { @event_queue.post([:died, index]) }, launched: true,
                                 claim: @claim, admin: @admin.for_slot(0), handoff_channels: @handoff_channels)
      @drain_waiter = DrainWaiter.new(@runner, @event_queue)
      @runner.connect_log(@log)
    rescue ThreadError => e
      raise BootError, "its threads cannot be made: #{e.message}; #{SafeFork::MORE}"
    end

    # @return [String] "epoll" or "io_uring"
    def io_driver = @runner.io_driver

    # @return [String, nil] what is answered without the app
    def routes = @runner.routes

    # @return [Numeric, nil] how long `round` may not be called
    def pause_s = [(Certificates::LOOK_S if @certificates.any?), (RETRY_S if @uncovered.any?)].compact.min

    # To be called from time to time.
    def round
      @certificates.look(@log)
      @uncovered.dup.each { |slot| cover(slot) } unless draining?
    end

    # Puts another in the place of an executor that died.
    # @param dead [Integer, Symbol] as told to the event queue
    # @raise [EngineError] where that was the engine
    def replace(dead)
      raise EngineError, "its engine has failed; the log says how" if dead == :engine

      @runner.replace(dead) || @event_queue.post_in(Executors::RETRY_S, [:died, dead])
    end

    # Accepts for the worker of another slot, too. Who cannot do so, as without a descriptor left, serves its own
    # connections nevertheless, and tries again.
    # @param slot [Integer]
    def cover(slot, sockets = @listeners.others(@slot)[slot])
      @runner.cover(slot, sockets) if sockets
      @uncovered.delete(slot)
    rescue Error => e
      return if @uncovered.include?(slot)

      @uncovered << slot
      @log.error("connections of a worker that does not serve cannot be accepted", slot: slot, error: e.message)
    end

    # Leaves accepting to the worker of that slot again.
    def uncover(slot)
      @uncovered.delete(slot)
      @runner.uncover(slot)
    end

    # The whole server stops. The sockets of all slots are about to be closed by their last holders, so each
    # takes what has connected to any of them, and what was given to a worker that has died.
    def cover_all
      @listeners.others(@slot).each { |slot, sockets| cover(slot, @listeners.distinct? ? sockets : []) }
    end

    # Accepts no more; each connection may bring one more request.
    # @param seconds [Numeric] to the event :retired at the latest
    def last_call(seconds)
      @listeners.close
      @runner.last_call
      @drain_waiter.notify(seconds, :retired)
    end

    # Accepts no more; requests in flight may finish.
    # @param seconds [Numeric] to the event :drained at the latest
    # @param for_good [Boolean] whether no other worker goes on accepting
    def drain(seconds, for_good:)
      @draining = true
      @listeners.close
      @listeners.remove_files
      @runner.drain(for_good: for_good)
      @drain_waiter.notify(seconds, :drained)
    end

    def draining? = @draining || false

    # Opens the log again, and reads the certificates.
    def read_again
      @runner.reopen_log
      @log.try_reopen
      @certificates.reload(@log)
    end

    # Ends everything at once, if it has started.
    # @return [Boolean] false where threads of the app cannot be ended
    def stop = @runner.nil? || @runner.stop

    private

    def own_sockets = @listeners.binds_for_slot(@slot).transform_values { |bind| @certificates.for(bind) }
  end
end
