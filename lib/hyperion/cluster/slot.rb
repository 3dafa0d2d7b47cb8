# frozen_string_literal: true

module Hyperion
  # A place for a worker: the process that fills it, the one that is to follow, those that still leave,
  # and when a missing one is due.
  class Slot
    # A process that served for less did not really start.
    YOUNG_S = 1
    FIRST_PAUSE_S = 0.1
    LONGEST_PAUSE_S = 5

    # A process that is to be replaced, or was.
    Former = Struct.new(:pid, :reason, :uptime_s)

    # @return [Integer]
    attr_reader :index
    # @return [WorkerHandle, nil] who fills the place
    attr_reader :current
    # @return [WorkerHandle, nil] who boots beside it
    attr_reader :successor
    # @return [Array<WorkerHandle>] who has been replaced and finishes its requests
    attr_reader :leaving
    # @return [Symbol, nil] why the current one is to be replaced, if it is
    attr_reader :replacement_reason

    # @param index [Integer]
    # @param retry_s [Numeric] for so long workers that do not start are followed by others
    def initialize(index, retry_s)
      @index = index
      @retry_s = retry_s
      @leaving = []
      @failures = 0
      @due = 0
    end

    def to_s = "worker #{index}"

    # @return [Array<WorkerHandle>]
    def workers = [*current, *successor, *leaving]

    # @return [Boolean] whether the place is filled by a process that serves
    def serving? = current&.booted? || false

    # @return [Boolean] whether a process is to be made now
    def due?(now) = lacks? && now >= @due

    # @return [Numeric, nil] when it is
    def due = lacks? ? @due : nil

    # A process was made.
    def fill(worker) = current ? @successor = worker : @current = worker

    # The place is filled again.
    # @return [Former, nil] by whom it was filled before, told once
    def take_former
      return unless current

      @former.tap { @former = nil }
    end

    # The current process is to be replaced by one that boots beside it.
    def replace(reason) = @replacement_reason = reason

    # The successor serves: the current process leaves.
    # @return [WorkerHandle] who leaves
    def take_over(now)
      @leaving << @current
      promote_successor(@current, @replacement_reason, now)
      @leaving.last
    end

    # A process cannot be made now.
    def postpone(now) = @due = now + LONGEST_PAUSE_S

    # The process is dead.
    # @return [Symbol] what it was here: :leaving, :successor or :current
    def remove(worker, reason, now)
      worker.ended(now)
      return :leaving if @leaving.delete(worker)

      delay_next(worker, now)
      if worker.equal?(@successor)
        @successor = nil
        return :successor
      end
      promote_successor(worker, reason, now)
      :current
    end

    # @return [Boolean] whether one process after the other dies before it serves, for too long already
    def crash_loop?(now) = @failures.positive? && now - @failing_since >= @retry_s && !current&.lived?(YOUNG_S, now)

    private

    def lacks? = current.nil? || (!replacement_reason.nil? && successor.nil?)

    def promote_successor(worker, reason, now)
      @former = Former.new(worker.pid, reason, worker.uptime(now).round(1))
      @current = @successor
      @successor = @replacement_reason = nil
    end

    def delay_next(worker, now)
      @failures = worker.lived?(YOUNG_S, now) ? 0 : @failures + 1
      @failing_since = now if @failures <= 1
      @due = now + (@failures.zero? ? 0 : [FIRST_PAUSE_S * (2**(@failures - 1)), LONGEST_PAUSE_S].min)
    end
  end
end
