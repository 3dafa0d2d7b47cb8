# frozen_string_literal: true

require_relative "kernel_stacks"

module Hyperion
  # Finds workers that are alive and of no use: stopped, silent, never booted, without progress, or staying
  # behind. Each is asked what its threads are doing, told in the log with the answer, and replaced.
  class Watch
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
    def awake(now)
      delay = now - (@awake_at || now)
      @awake_at = now
      @slots.each { |slot| slot.children.each { |child| child.forgive(now) } } if delay > DELAY_S
    end

    # To be called behind what workers wrote was read.
    def round(now)
      @slots.each do |slot|
        slot.children.each { |child| judge(slot, child, now) unless child.killed? }
      end
    end

    # The server stops, and the time for it is over.
    # @return [Boolean] whether somebody was left
    def kill_all
      left = @slots.flat_map { |slot| slot.children.reject(&:killed?).map { |child| [slot, child] } }
      left.each do |slot, child|
        @log.error("#{slot} (#{child.pid}) did not stop in time and is killed")
        child.kill
      end
      left.any?
    end

    private

    def judge(slot, child, now)
      name = "#{slot} (#{child.pid})"
      fatal = child.frozen(now, @timeout_s) || overdue(child, now) || child.unborn(now, @boot_timeout_s)
      complaint = fatal || (child.stalled(now, @timeout_s * FIRST_LOOK) if child.equal?(slot.current))
      return child.withdraw_question unless complaint
      return replace(slot, child, name, now) if !fatal && child.complained_of
      return unless answered?(child, now)

      show_threads(name, child)
      return kill(child, name, fatal) if fatal

      child.complained_of = true
      @metrics.stalled
      @log.error("#{name} #{complaint}")
    end

    # Long requests that come on are the app's own business.
    def replace(slot, child, name, now)
      return if slot.wanted || !child.stuck?(now, @timeout_s)

      @log.error("#{name} has made no progress for #{@timeout_s} s while requests wait, and is replaced")
      slot.replace(:timeout)
    end

    def kill(child, name, complaint)
      @log.error("#{name} #{complaint} and is killed")
      child.kill(:timeout, complaint)
    end

    def answered?(child, now)
      child.ask(now) unless child.asked_at
      child.told? || child.stopped? || now - child.asked_at >= ANSWER_S
    end

    def overdue(child, now) = ("was replaced and did not end in time" if child.leave_by && now >= child.leave_by)

    def show_threads(name, child)
      return if child.stopped?
      return Autopsy.lines(child.pid).each { |line| @log.error("#{name} runs no Ruby: #{line}") } unless child.told?

      child.threads.each { |title, *frames| @log.error("#{name}: thread #{title}", backtrace: frames.join("\n")) }
    end
  end
end
