# frozen_string_literal: true

require_relative "../error"
require_relative "engine_runner"

module Hyperion
  # Forks, or fails in time. Where the system has no process to give, Ruby tries again each second for ever, and
  # nothing else of the thread goes on meanwhile.
  class SafeFork
    # Between two interruptions of a fork that waits. One that works clears them.
    PATIENCE_S = 0.5
    MORE = "raise `ulimit -u`, or the limit of the container or service"

    # Strikes only where Ruby sleeps until it tries again.
    class Waits < StandardError; end
    private_constant :Waits

    # @raise [BootError] where no thread can be made
    def initialize
      @forks = Thread::Queue.new
      @lock = Mutex.new
      Thread.new do
        Thread.current.name = "hyperion fork"
        while (thread = @forks.pop) do interrupt(thread) end
      end
    rescue ThreadError => e
      raise BootError, "the master's threads cannot be made: #{e.message}; #{MORE}"
    end

    # To be called on one thread only.
    # @yield in the child, which ends with the block
    # @return [Integer] the process ID of the child
    # @raise [SystemCallError]
    def fork(&block)
      # Threads count as processes do. Ruby ends its own timer thread before a fork and makes it anew behind it; where
      # it cannot, it may wait for ever for the end of a thread that never began, and nothing strikes there.
      raise Errno::EAGAIN unless EngineRunner.engine_class.begins_threads?

      Thread.handle_interrupt(Waits => :on_blocking) do
        @waits = true
        @forks << Thread.current
        Process.fork { Thread.handle_interrupt(Waits => :immediate, &block) }
      ensure
        Thread.handle_interrupt(Waits => :never) { @lock.synchronize { @waits = false } }
        forget_interruption
      end
    rescue Errno::EAGAIN # Ruby turns what strikes into this.
      raise Errno::EAGAIN, "no process is left; #{MORE}"
    end

    private

    def interrupt(thread)
      sleep(PATIENCE_S)
      sleep(PATIENCE_S) while @lock.synchronize { thread.raise(Waits) || true if @waits }
    end

    # It may have come behind the fork.
    def forget_interruption
      Thread.handle_interrupt(Waits => :immediate) { Thread.pass }
    rescue Waits
      nil
    end
  end
end
