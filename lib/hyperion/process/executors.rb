# frozen_string_literal: true

require_relative "fiber_watch"

module Hyperion
  # The Ruby threads that run the app. One that dies, because the app killed it, is replaced.
  class Executors
    # Threads get this long to end once they are told to.
    PATIENCE_S = 1

    # Behind so much time a thread that could not be made is tried again.
    RETRY_S = 1

    # @param engine [Engine] started
    # @param count [Integer]
    # @param fibers [Integer, nil] how many requests all of them run at once, in fibers; nil for one each, without
    # @param died [#call] called with an index on a dying thread, and the main thread then calls
    #   `replace`; with :engine where the engine has ended by itself
    def initialize(engine, count, died:, fibers: nil)
      @engine = engine
      @fibers = fibers
      @fiber_watch = FiberWatch.new(engine) if fibers
      @died = died
      @count = [count, fibers].compact.min
      @threads = Array.new(@count) { |index| spawn(index) }
    end

    # Makes a thread in the place of a dead one.
    # @return [Boolean] false while the server stops
    def replace(index)
      return false if @stopping

      @threads[index] = spawn(index)
      true
    end

    # Ends all threads; the engine was stopped before.
    # @return [Boolean] false where some cannot be ended
    def stop
      @stopping = true
      @fiber_watch&.stop
      deadline = now + PATIENCE_S
      @threads.each { |thread| thread.join(0.05) || thread.kill }
      @threads.all? { |thread| thread.join([deadline - now, 0].max) }
    end

    # @return [Boolean] whether this thread runs the app
    def include?(thread) = @threads.include?(thread)

    # From here on a dead thread is not missed.
    def release = @stopping = true

    private

    def spawn(index)
      Thread.new do
        thread = Thread.current
        thread.name = "hyperion executor #{index}"
        thread.report_on_exception = false
        run(index)
      end
    end

    # An executor returns only when its engine has ended, which is to come behind `release`.
    def run(index)
      ended = false
      @fibers ? run_fibers(index) : @engine.run_executor
      ended = true
    ensure
      @died.call(ended ? :engine : index) unless @stopping
    end

    def run_fibers(index)
      scheduler = Scheduler.new
      Fiber.set_scheduler(scheduler)
      @fiber_watch.add(Thread.current, scheduler)
      @engine.run_fibers(scheduler, share_of_fibers(index))
    end

    # Their shares come to all fibers together, and to no more.
    def share_of_fibers(index) = (@fibers / @count) + (index < @fibers % @count ? 1 : 0)

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
