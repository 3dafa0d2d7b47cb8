# frozen_string_literal: true

module Hyperion
  # Events for the main thread of one process. Signal handlers and other threads post; only the main
  # thread takes. Posting takes no lock, as handlers must not.
  class Mailbox
    def initialize = clear

    # @param event [Object]
    def post(event)
      @events << [Process.pid, event]
      @writer.write_nonblock(".", exception: false)
      nil
    rescue IOError, SystemCallError
      nil # The main thread looks at the events before it waits.
    end

    # Waits for events, for input, or for the time to pass.
    # @param timeout_s [Numeric, nil]
    # @param inputs [Array<IO>]
    # @return [Array(Array<Object>, Array<IO>)] events in their order, and readable inputs
    def take(timeout_s = nil, inputs = [])
      ready, = IO.select([@reader, *inputs], nil, nil, @events.empty? ? timeout_s : 0)
      @reader.read_nonblock(4096, exception: false)
      [drain, (ready || []) - [@reader]]
    end

    # To be called first in a forked process: its events are no longer its parent's. What was posted
    # since the fork is kept.
    def after_fork
      kept = @events
      clear
      @events.concat(kept.select { |pid, _| pid == Process.pid })
    end

    private

    def clear
      @events = []
      [@reader, @writer].compact.each(&:close)
      @reader, @writer = IO.pipe
    end

    def drain
      taken = @events.shift(@events.size)
      taken.filter_map { |pid, event| event if pid == Process.pid }
    end
  end
end
