# frozen_string_literal: true

module Hyperion
  # Events for the main thread of one process. Signal handlers and other threads post; only the main
  # thread takes. Posting takes no lock, as handlers must not.
  class EventQueue
    def initialize = clear

    # @param event [Object]
    def post(event)
      @events << [Process.pid, event]
      @writer.write_nonblock(".", exception: false)
      nil
    rescue IOError, SystemCallError
      nil # The main thread looks at the events before it waits.
    end

    # Posts the event later. Only for the main thread.
    # @param seconds [Numeric] from now
    def post_in(seconds, event)
      @later << [now + seconds, event]
      nil
    end

    # Waits for events, for input, or for the time to pass.
    # @param timeout_s [Numeric, nil]
    # @param inputs [Array<IO>]
    # @return [Array(Array<Object>, Array<IO>)] events in their order, and readable inputs
    def take(timeout_s = nil, inputs = [])
      ready, = IO.select([@reader, *inputs], nil, nil, @events.empty? ? [timeout_s, wait_s].compact.min : 0)
      @reader.read_nonblock(4096, exception: false)
      [drain + take_due, (ready || []) - [@reader]]
    end

    # To be called in a forked process: its events are no longer its parent's. What was posted
    # since the fork is kept.
    # @return [Array<Object>] these events
    def after_fork
      kept = @events
      clear
      @events.concat(kept.select { |pid, _| pid == Process.pid })
      @events.map(&:last)
    end

    private

    def clear
      @events = []
      @later = []
      [@reader, @writer].compact.each(&:close)
      @reader, @writer = IO.pipe
    end

    def wait_s = @later.map { |at, _| [at - now, 0].max }.min

    def take_due
      due, @later = @later.partition { |at, _| at <= now }
      due.sort_by(&:first).map(&:last)
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def drain
      taken = @events.shift(@events.size)
      taken.filter_map { |pid, event| event if pid == Process.pid }
    end
  end
end
