# frozen_string_literal: true

require_relative "kernel_stacks"

module Hyperion
  # Finds workers that are alive and of no use: stopped, silent, never booted, without progress, or staying
  # behind. Each is asked what its threads are doing, told in the log with the answer, and replaced.
  class Watchdog
    # A worker that can answer gets this long for it.
    ANSWER_S = 2
    # The master looks more often than that, unless something keeps it from it.
    DELAY_S = 3
    # Of the timeout: behind it a worker that begins nothing is asked what it does.
    FIRST_LOOK = 1.0 / 3

    # @param configuration [Configuration]
    # @param log [Log]
    # @param slots [Array<Slot>]
    # @param metrics [Metrics]
    def initialize(configuration, log, slots, metrics)
      @timeout_s = configuration.worker_timeout
      @boot_timeout_s = configuration.worker_boot_timeout
      @metrics = metrics
      @log = log
      @slots = slots
    end

    # To be called before what workers wrote is read. Where the master itself was held up, their silence
    # meant nothing.
    def note_turn(now)
      delay = now - (@turned_at || now)
      @turned_at = now
      @slots.each { |slot| slot.workers.each { |worker| worker.restart_clocks(now) } } if delay > DELAY_S
    end

    # To be called behind what workers wrote was read.
    def round(now)
      @slots.each do |slot|
        slot.workers.each { |worker| judge(slot, worker, now) unless worker.killed? }
      end
    end

    # The server stops, and the time for it is over.
    # @return [Boolean] whether somebody was left
    def kill_all
      left = @slots.flat_map { |slot| slot.workers.reject(&:killed?).map { |worker| [slot, worker] } }
      left.each do |slot, worker|
        @log.error("#{slot} (#{worker.pid}) did not stop in time and is killed")
        worker.kill
      end
      left.any?
    end

    private

    def judge(slot, worker, now)
      name = "#{slot} (#{worker.pid})"
      fatal = worker.silence_complaint(now, @timeout_s) || overdue(worker, now) || worker.boot_complaint(now, @boot_timeout_s)
      complaint = fatal || (worker.stall_complaint(now, @timeout_s * FIRST_LOOK) if worker.equal?(slot.current))
      return worker.withdraw_complaint unless complaint
      return replace(slot, worker, name, now) if !fatal && worker.complained_of
      return unless answered?(worker, now)

      show_threads(name, worker)
      return kill(worker, name, fatal) if fatal

      worker.complained_of = true
      @metrics.stalled
      @log.error("#{name} #{complaint}")
    end

    # Long requests that come on are the app's own business.
    def replace(slot, worker, name, now)
      return if slot.replacement_reason || !worker.stuck?(now, @timeout_s)

      @log.error("#{name} has made no progress for #{@timeout_s} s while requests wait, and is replaced")
      slot.replace(:timeout)
    end

    def kill(worker, name, complaint)
      @log.error("#{name} #{complaint} and is killed")
      worker.kill(:timeout, complaint)
    end

    def answered?(worker, now)
      worker.ask(now) unless worker.asked_at
      worker.backtraces_complete? || worker.stopped? || now - worker.asked_at >= ANSWER_S
    end

    def overdue(worker, now) = ("was replaced and did not end in time" if worker.leave_by && now >= worker.leave_by)

    def show_threads(name, worker)
      return if worker.stopped?
      return KernelStacks.lines(worker.pid).each { |line| @log.error("#{name} does not answer: #{line}") } unless worker.backtraces_complete?

      worker.threads.each { |title, *frames| @log.error("#{name}: thread #{title}", backtrace: frames.join("\n")) }
    end
  end
end
