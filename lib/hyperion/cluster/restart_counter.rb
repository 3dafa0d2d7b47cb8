# frozen_string_literal: true

module Hyperion
  # Counts replaced workers by the reason.
  class RestartCounter
    # Ended with a status other than 0 or by a fault; killed from outside; ended in peace without being
    # told by its master; gave no sign of life or made no progress; grew too large; served enough.
    REASONS = %i[crash signal exit timeout max_rss max_requests].freeze
    FAULTS = %w[SEGV BUS ILL FPE ABRT SYS TRAP].map { |name| Signal.list[name] }.freeze

    # @param log [Log]
    # @param metrics [Metrics, nil]
    def initialize(log, metrics = nil)
      @log = log
      @metrics = metrics
      @counts = REASONS.to_h { |reason| [reason, 0] }
    end

    # Counts and logs that the slot is filled again, once.
    # @param slot [Slot]
    def record(slot)
      former = slot.take_former or return
      count(former.reason)
      @log.info("worker restarted", slot: slot.index, old_pid: former.pid, new_pid: slot.current.pid,
                                    reason: former.reason, uptime_s: former.uptime_s)
    end

    # @param status [Process::Status, nil] of a process that nobody here has ended
    # @return [Symbol] one of REASONS
    def self.reason(status)
      return :crash unless status
      return FAULTS.include?(status.termsig) ? :crash : :signal if status.signaled?

      status.success? ? :exit : :crash
    end

    # @param status [Process::Status, nil]
    # @return [String] a phrase
    def self.describe(status)
      return "status unknown" unless status

      status.signaled? ? "killed by SIG#{Signal.signame(status.termsig)}" : "exit status #{status.exitstatus}"
    end

    # @param reason [Symbol] one of REASONS
    def count(reason)
      @counts[reason] = @counts.fetch(reason) + 1
      @metrics&.restarted(reason)
    end

    # @return [Hash{Symbol=>Integer}]
    def to_h = @counts.dup
  end
end
