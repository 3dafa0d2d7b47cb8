# frozen_string_literal: true

require_relative "autopsy"

module Hyperion
  # Finds workers that are alive and of no use: stopped, silent, without progress, or staying behind.
  # Each is asked what its threads are doing, told in the log with the answer, and ended.
  class Watch
    # A worker that can answer gets this long for it.
    ANSWER_S = 2
    # The master looks more often than that, unless something keeps it from it.
    DELAY_S = 3

    # @param configuration [Configuration]
    # @param log [Log]
    # @param slots [Array<Slot>]
    def initialize(configuration, log, slots)
      @timeout_s = configuration.worker_timeout
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

    # @yield [Slot] whose current worker is to end in its own way
    def round(now, &dismiss)
      @slots.each do |slot|
        slot.children.each { |child| judge(slot, child, now, &dismiss) unless child.killed? }
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
      fatal = child.frozen(now, @timeout_s) || overdue(child, now)
      complaint = fatal || (child.stuck(now, @timeout_s) if child.equal?(slot.current))
      return child.pardon unless complaint

      child.ask(now) unless child.asked_at
      return unless child.told? || child.stopped? || now - child.asked_at >= ANSWER_S

      testify("#{slot} (#{child.pid})", child)
      @log.error("#{slot} (#{child.pid}) #{complaint} and is #{fatal ? "killed" : "told to end"}")
      fatal ? child.kill(:timeout) : yield(slot)
    end

    def overdue(child, now) = ("was replaced and did not end in time" if child.leave_by && now >= child.leave_by)

    def testify(name, child)
      return if child.stopped?
      return Autopsy.lines(child.pid).each { |line| @log.error("#{name} runs no Ruby: #{line}") } unless child.told?

      child.threads.each { |title, *frames| @log.error("#{name}: thread #{title}", backtrace: frames.join("\n")) }
    end
  end
end
