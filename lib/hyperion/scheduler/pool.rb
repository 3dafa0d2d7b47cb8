# frozen_string_literal: true

module Hyperion
  class Scheduler < FiberLoop
    # Threads that do what would block all fibers of a thread: names to resolve, files, and whatever else Ruby gives
    # away. Shared by the schedulers of a process; they are made as they are needed, and end when they have had nothing
    # to do for a while.
    class Pool
      IDLE_S = 10

      # What somebody waits for: `done` gets what the work gives, and what it raises.
      Job = Struct.new(:work, :owner, :done, :thread)

      # @param size [Integer] the most threads
      def initialize(size)
        @size = size
        @lock = Mutex.new
        @changed = ConditionVariable.new
        forget
      end

      # Runs the block on a thread of the pool, while the fiber that calls waits. Where that is interrupted, so is the
      # block.
      # @return [Object] what the block gives
      # @raise [Exception] what the block raises
      def run(&work)
        # Whoever calls may be the only one left in a child of a fork.
        forget unless @pid == Process.pid
        job = Job.new(work, Thread.current, Thread::Queue.new)
        submit(job)
        value, error = job.done.pop
        finished = true
        error ? raise(error) : value
      ensure
        cancel(job) if job && !finished
      end

      # The fibers of a thread wait no more, without having been told.
      # @param owner [Thread]
      def abandon(owner)
        @lock.synchronize { (@jobs + @running.keys).select { |job| job.owner == owner } }.each { |job| cancel(job) } if @pid == Process.pid
      end

      private

      def forget
        @pid = Process.pid
        @jobs = []
        @running = {}.compare_by_identity
        @threads = @idle = 0
      end

      def submit(job)
        @lock.synchronize do
          @jobs << job
          @idle >= @jobs.size || @threads >= @size ? @changed.signal : start
        end
      end

      def cancel(job)
        @lock.synchronize { @jobs.delete(job) || job.thread&.kill }
      end

      # Whoever calls may have masked interrupts, which the thread would inherit.
      def start
        @threads += 1
        Thread.new { Thread.handle_interrupt(Object => :immediate) { serve } }.name = "hyperion fiber pool"
      rescue ThreadError
        @threads -= 1
        raise if @threads.zero?
      end

      def serve
        while (job = take)
          work(job)
        end
      ensure
        leave
      end

      def work(job)
        result = outcome(job.work)
      ensure
        finish(job, result || [nil, ThreadError.new("the thread that did it was ended")])
      end

      def take
        @lock.synchronize do
          await_job if @jobs.empty?
          @jobs.shift&.tap { |job| @running[job] = job.thread = Thread.current }
        end
      end

      def await_job
        @idle += 1
        @changed.wait(@lock, IDLE_S)
      ensure
        @idle -= 1
      end

      # From here on nobody kills this thread on behalf of the job.
      def finish(job, result)
        @lock.synchronize do
          @running.delete(job)
          job.thread = nil
        end
        job.done << result
      end

      # A thread that was ended leaves what is queued to another.
      def leave
        @lock.synchronize do
          @threads -= 1
          start if @jobs.size > @idle && @threads < @size
        end
      rescue ThreadError
        nil # As at the end of the process.
      end

      def outcome(work)
        [work.call, nil]
      rescue Exception => e # rubocop:disable Lint/RescueException -- whoever waits is to hear of it.
        [nil, e]
      end
    end
  end
end
