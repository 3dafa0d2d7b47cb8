# frozen_string_literal: true

require_relative "heartbeat"
require_relative "worker_handle"
require_relative "../process/safe_fork"

module Hyperion
  # Makes workers, and the pipes between them and their master.
  class Forking
    # @param metrics [Metrics] in which each worker claims a block
    # @param slots [Array<Slot>] whose pipes are not for a new worker
    # @yield [Integer, Metrics::Claim, Heartbeat] in a forked process: its slot, where it counts, its side of the pipes
    # @yieldreturn [Worker] what that process is to be
    def initialize(metrics:, slots:, &new_worker)
      @metrics = metrics
      @slots = slots
      @new_worker = new_worker
      @claims = {}
      @safe_fork = SafeFork.new
    end

    # Copies of memory pages begin to differ with the first write; what can be settled before is.
    def warm_up
      return Process.warmup if Process.respond_to?(:warmup)

      GC.start
      GC.compact if GC.respond_to?(:compact)
    rescue NotImplementedError
      nil
    end

    # @param index [Integer] of the slot
    # @return [WorkerHandle] in the master; in the worker this does not return
    # @raise [SystemCallError] with nothing left open
    def worker(index, now)
      pipes = []
      claim = @metrics.claim(index)
      2.times { pipes << IO.pipe }
      (reader, writer), (orders, commands) = pipes
      master_pid = Process.pid
      pid = @safe_fork.fork do
        [reader, commands, *@slots.flat_map(&:workers).flat_map(&:pipes)].each(&:close)
        @new_worker.call(index, claim, Heartbeat.new(writer, orders, master_pid)).run
      end
      @claims[pid] = claim
      [writer, orders].each(&:close)
      WorkerHandle.new(pid, reader, commands, now)
    rescue SystemCallError
      pipes.flatten.each(&:close)
      @metrics.release(claim) if claim
      raise
    end

    # The process is dead.
    # @param worker [WorkerHandle]
    def release(worker) = @claims.delete(worker.pid)&.then { |claim| @metrics.release(claim) }
  end
end
