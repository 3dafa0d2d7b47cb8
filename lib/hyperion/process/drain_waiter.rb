# frozen_string_literal: true

module Hyperion
  # Waits for the end of a drain, so that the main thread goes on hearing of signals. Its thread is made with the
  # service: when it is needed, the system may have none left.
  class DrainWaiter
    # @param runner [EngineRunner]
    # @param event_queue [EventQueue]
    # @raise [ThreadError] where no thread can be made
    def initialize(runner, event_queue)
      @orders = Thread::Queue.new
      Thread.new do
        Thread.current.name = "hyperion drain"
        while (deadline, event = @orders.pop)
          complete = runner.wait_drained([deadline - now, 0].max)
          event_queue.post([event, complete])
        end
      end
    end

    # Posts the event, with whether all has ended in time.
    # @param seconds [Numeric] from now
    # @param event [Symbol]
    def notify(seconds, event) = @orders << [now + seconds, event]

    private

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
