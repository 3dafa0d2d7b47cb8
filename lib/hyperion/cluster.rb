# frozen_string_literal: true

require_relative "slot"
require_relative "worker"

module Hyperion
  # A master and its workers. The master makes sockets and processes, and never serves.
  class Cluster
    TICK_S = 1
    # What a worker may take beyond the graceful timeout to end.
    MARGIN_S = 2

    # @param launcher [Launcher]
    def initialize(launcher)
      @launcher = launcher
      @configuration = launcher.configuration
      @log = launcher.log
      @slots = Array.new(@configuration.workers) { |index| Slot.new(index) }
      @status = 0
    end

    # Serves until told to stop, or until a worker cannot boot.
    # @return [Integer] the exit status
    def run
      @master_alive, @master = IO.pipe
      warm_up
      @launcher.signals.master
      Process.setproctitle("hyperion: master [#{@launcher.listeners.urls.join(", ")}]")
      @checked = now
      turn until @stopping && @slots.none?(&:alive?)
      raise BootError, @failure if @failure

      @status
    end

    private

    # One pass over everything that may have happened.
    def turn
      start_due
      events, = @launcher.mailbox.take(wait_s, @slots.filter_map(&:reader))
      forgive_own_delay
      @slots.each { |slot| slot.read(now) if slot.alive? }
      events.each { |event| handle(event) }
      @slots.each { |slot| reap(slot) if slot.alive? }
      kill_hopeless
      announce
    end

    def handle(event)
      case event
      when :TERM, :QUIT then stop(event)
      when :INT then @stopping ? abandon : stop(event)
      when :HUP then reopen_logs
      when :CHLD then nil
      else @launcher.ignore(event)
      end
    end

    # Copies of memory pages begin to differ with the first write; what can be settled before is.
    def warm_up
      return Process.warmup if Process.respond_to?(:warmup)

      GC.start
      GC.compact if GC.respond_to?(:compact)
    rescue NotImplementedError
      nil
    end

    def start_due
      return if @stopping

      due = @slots.select { |slot| slot.due?(now) }
      return if due.empty?

      @launcher.hook(:before_fork)
      due.each { |slot| start(slot) }
    rescue BootError => e
      give_up_for_now(due, e.message)
    end

    def start(slot)
      reader, writer = IO.pipe
      master_pid = Process.pid
      pid = fork do
        [@master, reader, *@slots.filter_map(&:reader)].each(&:close)
        Worker.new(@launcher, slot.index, Pulse.new(writer, @master_alive, master_pid)).run
      end
      writer.close
      slot.started(pid, reader, now)
    rescue SystemCallError => e
      [reader, writer].compact.each(&:close)
      give_up_for_now([slot], "#{slot} cannot be forked: #{e.message}")
    end

    # Before the server has served, what fails ends it; behind that, it is tried again.
    def give_up_for_now(slots, message)
      return fail_boot(message) unless @announced

      @log.error(message)
      slots.each { |slot| slot.postpone(now) }
    end

    def reap(slot)
      _, status = Process.waitpid2(slot.pid, Process::WNOHANG | Process::WUNTRACED)
      return unless status
      return bury(slot, describe(status)) unless status.stopped?

      @log.warn("#{slot} (#{slot.pid}) was stopped by SIG#{Signal.signame(status.stopsig)}")
      slot.stopped(now)
    rescue Errno::ECHILD
      bury(slot, "status unknown")
    end

    def bury(slot, how)
      pid = slot.pid
      pause = slot.ended(now)
      return if @stopping
      return fail_boot("#{slot} (#{pid}) could not boot: #{slot.failure || how}") unless @announced || slot.booted?

      @log.error("#{slot} (#{pid}) ended: #{[how, slot.failure].compact.join("; ")}; the next one starts in #{pause.round(1)} s")
    end

    def describe(status)
      status.signaled? ? "killed by SIG#{Signal.signame(status.termsig)}" : "exit status #{status.exitstatus}"
    end

    def announce
      return if @announced || @stopping || !@slots.all?(&:booted?)

      @launcher.announce(@slots.first.io_driver)
      @announced = true
    rescue BootError => e
      fail_boot(e.message)
    end

    def fail_boot(message)
      return if @stopping

      @failure = message
      stop(:boot)
    end

    def stop(reason)
      return if @stopping

      @stopping = now + @configuration.graceful_timeout + MARGIN_S
      @log.info("stopping", reason: reason, workers: @slots.count(&:alive?))
      @launcher.listeners.close
      @launcher.listeners.remove_files
      @slots.each { |slot| slot.signal(:TERM, :CONT) }
    end

    def abandon
      @status = 130
      @slots.each(&:kill)
    end

    def kill_hopeless
      @slots.each do |slot|
        reason = @stopping ? overdue(slot) : slot.hopeless(now, @configuration.worker_timeout)
        next unless reason

        @log.error("#{slot} (#{slot.pid}) #{reason} and is killed")
        slot.kill
      end
    end

    def overdue(slot) = ("did not stop in time" if !slot.finished? && now >= @stopping)

    def reopen_logs
      @launcher.reopen_log
      @slots.each { |slot| slot.signal(:HUP) }
    end

    def forgive_own_delay
      delay = now - @checked
      @checked = now
      @slots.each { |slot| slot.forgive(now) } if delay > 2 * TICK_S + 1
    end

    def wait_s = [TICK_S, *@slots.filter_map(&:due).map { |due| @stopping ? TICK_S : [due - now, 0].max }].min

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
