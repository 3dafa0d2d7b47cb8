# frozen_string_literal: true

require_relative "memory"

module Hyperion
  # Decides which healthy worker is replaced: one that uses more memory than it may, or has asked for a successor
  # because it has answered `worker_max_requests` (Heartbeat counts them). One at a time, and only while all slots are
  # filled.
  class Recycling
    MEASURE_S = 5
    # Of the memory of a control group that its workers, their master and a successor may take together.
    SHARE = 0.9
    MASTER_AND_SUCCESSOR = 2

    # @param configuration [Configuration]
    # @param log [Log]
    # @param slots [Array<Slot>]
    def initialize(configuration, log, slots)
      @log = log
      @slots = slots
      @limit = limit(configuration)
      @measure_at = 0
      @heavy = {}
      @born = {}
    end

    # Marks the slot that is next.
    def round(now)
      measure(now) if @limit
      return unless @slots.all?(&:serving?) && @slots.none? { |slot| slot.replacement_reason || slot.leaving.any? }

      slot, reason = spent || heaviest
      return unless slot

      @log.info("#{slot} (#{slot.current.pid}) is to be replaced", reason: reason, **size(slot.current.pid))
      slot.replace(reason)
    end

    private

    def limit(configuration)
      asked = configuration.worker_max_rss_mb
      return asked && (asked * Memory::MIB) unless asked == :auto

      group = Memory.limit
      @log.warn("worker_max_rss_mb has no effect: the control group has no limit of memory") unless group
      group && (group * SHARE / (configuration.workers + MASTER_AND_SUCCESSOR)).to_i
    end

    def spent
      slot = @slots.select { |one| one.current.spent_at }.min_by { |one| one.current.spent_at }
      slot && [slot, :max_requests]
    end

    def heaviest
      slot = @slots.select { |one| @heavy.key?(one.current.pid) }.max_by { |one| @heavy[one.current.pid] }
      slot && [slot, :max_rss]
    end

    def size(pid) = @heavy.key?(pid) ? { mb: @heavy[pid] / Memory::MIB } : {}

    # A worker is weighed when it is born, and at intervals.
    def measure(now)
      pids = @slots.select(&:serving?).map { |slot| slot.current.pid }
      @born.keep_if { |pid, _| pids.include?(pid) }
      (pids - @born.keys).each { |pid| @born[pid] = born_too_heavy?(pid) }
      return if now < @measure_at

      @measure_at = now + MEASURE_S
      @heavy = pids.reject { |pid| @born[pid] }.to_h { |pid| [pid, above(pid)] }.compact
    end

    # Its successor would be no lighter.
    def born_too_heavy?(pid)
      bytes = above(pid) or return false
      unless @complained
        @log.warn("worker_max_rss_mb has no effect: a worker that has served no request uses #{bytes / Memory::MIB} MB")
        @complained = true
      end
      true
    end

    def above(pid) = Memory.used(pid, floor: @limit)&.then { |bytes| bytes if bytes > @limit }
  end
end
