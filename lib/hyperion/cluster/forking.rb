# frozen_string_literal: true

require_relative "worker_handle"
require_relative "../process/safe_fork"
require_relative "worker"

module Hyperion
  # Makes workers, and the pipes between them and their master.
  class Forking
    # @param launcher [Launcher]
    # @param slots [Array<Slot>] whose pipes are not for a new worker
    def initialize(launcher, slots)
      @launcher = launcher
      @slots = slots
      @seats = {}
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
      seat = @launcher.metrics.seat(index)
      2.times { pipes << IO.pipe }
      (reader, writer), (orders, commands) = pipes
      master_pid = Process.pid
      pid = @safe_fork.fork do
        [reader, commands, *@slots.flat_map(&:workers).flat_map(&:pipes)].each(&:close)
        @launcher.seat = seat
        Worker.new(@launcher, index, Heartbeat.new(writer, orders, master_pid)).run
      end
      @seats[pid] = seat
      [writer, orders].each(&:close)
      WorkerHandle.new(pid, reader, commands, now)
    rescue SystemCallError
      pipes.flatten.each(&:close)
      @launcher.metrics.vacate(seat) if seat
      raise
    end

    # The process is dead.
    # @param worker [WorkerHandle]
    def vacate(worker) = @seats.delete(worker.pid)&.then { |seat| @launcher.metrics.vacate(seat) }
  end
end
