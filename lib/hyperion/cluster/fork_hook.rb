# frozen_string_literal: true

require_relative "../error"

module Hyperion
  # Runs `before_fork` on a thread beside the master's loop, which goes on whatever the hook does.
  class ForkHook
    # @param hooks [Hooks]
    # @param event_queue [EventQueue] of the master
    # @param timeout_s [Numeric] what the hook may take
    def initialize(hooks, event_queue, timeout_s)
      @hooks = hooks
      @event_queue = event_queue
      @timeout_s = timeout_s
    end

    # @return [Boolean] whether the hook runs
    def running? = !@thread.nil?

    # To be asked until it is true, each time before workers are forked; the event queue gets :forkable when it may be.
    # @return [Boolean] whether the hook has ended
    # @raise [BootError] where it has failed, or takes too long
    def ended?(now)
      return true unless @hooks.any?(:before_fork)

      start(now) unless running?
      return finish unless @thread.alive?
      return false if now < @deadline

      @thread.kill
      @thread = nil
      raise BootError, "before_fork has not returned for #{@timeout_s} s"
    end

    private

    def start(now)
      @deadline = now + @timeout_s
      @thread = Thread.new do
        Thread.current.name = "hyperion before_fork"
        run
      ensure
        @event_queue.post(:forkable)
      end
    rescue ThreadError => e
      raise BootError, "before_fork cannot be called: #{e.message}"
    end

    # @return [BootError, nil]
    def run
      @hooks.run(:before_fork)
      nil
    rescue BootError => e
      e
    rescue Exception => e # An exit on this thread would be one of the master.
      BootError.new("before_fork: #{e.message} (#{e.class})")
    end

    def finish
      failure = @thread.value
      @thread = nil
      raise failure if failure

      true
    end
  end
end
