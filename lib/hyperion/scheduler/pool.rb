# frozen_string_literal: true

module Hyperion
  class Scheduler
    # Threads that do what would block all fibers of a thread: names to resolve, processes to wait for, files, and
    # whatever else Ruby gives away. Shared by the schedulers of a process; they are made as they are needed, and end
    # when they have had nothing to do for a while.
    class Pool
      SIZE = 16
      IDLE_S = 10

      # @param size [Integer] the most threads
      def initialize(size = SIZE)
        @size = size
        @lock = Mutex.new
        @changed = ConditionVariable.new
        forget
      end

      # Runs the block on a thread of the pool, while the fiber that calls waits.
      # @return [Object] what the block gives
      # @raise [Exception] what the block raises
      def run(&work)
        # Whoever calls may be the only one left in a child of a fork.
        forget unless @pid == Process.pid
        done = Thread::Queue.new
        submit { done << outcome(&work) }
        value, error = done.pop
        error ? raise(error) : value
      end

      private

      def forget
        @pid = Process.pid
        @jobs = []
        @threads = @idle = 0
      end

      def outcome
        [yield, nil]
      rescue Exception => e # rubocop:disable Lint/RescueException -- whoever waits is to hear of it.
        [nil, e]
      end

      def submit(&job)
        @lock.synchronize do
          @jobs << job
          @idle >= @jobs.size || @threads >= @size ? @changed.signal : start
        end
      end

      def start
        @threads += 1
        Thread.new { serve }.name = "hyperion fiber pool"
      rescue ThreadError
        @threads -= 1
        raise if @threads.zero?
      end

      def serve
        while (job = take)
          job.call
        end
      end

      def take
        @lock.synchronize do
          @idle += 1
          @changed.wait(@lock, IDLE_S) if @jobs.empty?
          @idle -= 1
          @jobs.shift || (@threads -= 1) && nil
        end
      end
    end
  end
end
