# frozen_string_literal: true

module Hyperion
  # Looks for fibers that keep the others of their thread waiting, counts them, and tells where one is.
  class FiberWatch
    LOOK_S = 0.05
    HOLD_S = 0.1

    # At most one line in so much time.
    PAUSE_S = 1

    # Begins at once.
    # @param engine [Engine]
    # @raise [ThreadError]
    def initialize(engine)
      @engine = engine
      @lock = Mutex.new
      @schedulers = {}
      @seen = {}
      @told_at = -PAUSE_S
      @thread = Thread.new { watch }
      @thread.name = "hyperion fiber watch"
    end

    # @param thread [Thread]
    # @param scheduler [Scheduler] of that thread
    def add(thread, scheduler) = @lock.synchronize { @schedulers[thread] = scheduler }

    def stop = @thread.kill

    private

    def watch
      loop do
        sleep(LOOK_S)
        @seen.keep_if { |thread, _| thread.alive? }
        alive.each { |thread, scheduler| look(thread, *scheduler.hold) }
      end
    end

    def alive = @lock.synchronize { @schedulers.keep_if { |thread, _| thread.alive? }.to_a }

    def look(thread, number = nil, seconds = 0)
      return if seconds < HOLD_S || @seen[thread] == number

      @seen[thread] = number
      @engine.count_fiber_hold
      tell(thread, seconds) if now - @told_at >= PAUSE_S
    end

    def tell(thread, seconds)
      @told_at = now
      @engine.log(:warn, "a fiber keeps the others of its thread waiting", thread: thread.name, seconds: seconds.round(2),
                                                                          backtrace: thread.backtrace.to_a.first(20).join(" | "))
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
