# frozen_string_literal: true

require_relative "covering"
require_relative "fork_hook"
require_relative "forking"
require_relative "recycling"
require_relative "restart_counter"
require_relative "shutdown"
require_relative "slot"
require_relative "watchdog"
require_relative "../process/worker_life"

module Hyperion
  # A master and its workers. The master makes sockets and processes, and never serves.
  class Master
    TICK_S = 1

    # @param configuration [Configuration]
    # @param log [Log]
    # @param hooks [Hooks]
    # @param event_queue [EventQueue]
    # @param signals [Signals]
    # @param notice [Notice] of a stop
    # @param metrics [Metrics]
    # @param sockets [Sockets]
    # @param certificates [Certificates]
    # @yield as of Forking: makes a worker
    def initialize(configuration:, log:, hooks:, event_queue:, signals:, notice:, metrics:, sockets:, certificates:, &new_worker)
      @log = log
      @event_queue = event_queue
      @signals = signals
      @notice = notice
      @sockets = sockets
      @certificates = certificates
      @slots = Array.new(configuration.workers) { |index| Slot.new(index, configuration.worker_boot_retry_timeout) }
      @covering = Covering.new(@slots)
      @fork_hook = ForkHook.new(hooks, event_queue, configuration.worker_boot_timeout)
      @forking = Forking.new(metrics: metrics, slots: @slots, &new_worker)
      @recycling = Recycling.new(configuration, log, @slots)
      @watchdog = Watchdog.new(configuration, log, @slots, metrics)
      @restart_counter = RestartCounter.new(log, metrics)
      @shutdown = Shutdown.new(configuration, log, signals, sockets, @slots, @watchdog)
    end

    # Serves until told to stop, until a worker cannot boot, or until none stays alive.
    # @yield as of WorkerLife, once, when all workers serve
    # @return [Integer] the exit status
    def run(&announcement)
      @announcement = announcement
      @forking.warm_up
      @signals.master(@shutdown.grace_s)
      Process.setproctitle("hyperion: master [#{@sockets.listeners.urls.join(", ")}]")
      turn until @shutdown.over?
      raise BootError, @failure if @failure

      @log.error(@last_words) if @last_words
      @shutdown.status
    end

    private

    # One pass over everything that may have happened.
    def turn
      start_due
      events, = @event_queue.take(wait_s, workers.map(&:reader))
      @watchdog.note_turn(now)
      workers.each { |worker| worker.read(now) }
      events.each { |event, detail| handle(event, detail) }
      @slots.each { |slot| slot.workers.each { |worker| reap(slot, worker) } }
      announce
      stopping? ? @shutdown.round(now) : maintain
    end

    def handle(event, detail)
      case event
      when :TERM, :QUIT then @notice.give(event)
      when :INT then stopping? || @notice.given? ? abandon : @notice.give(event)
      when :leave then stop(detail)
      when :HUP then @notice.give_if_hung_up || read_again
      when :CHLD, :forkable then nil
      else @log.info("signal ignored", signal: event)
      end
    end

    def start_due
      return if stopping?

      due = @slots.select { |slot| slot.due?(now) }
      due.each { |slot| start(slot) } if due.any? && @fork_hook.ended?(now)
    rescue BootError => e
      give_up_for_now(due, e.message)
    end

    def start(slot)
      slot.fill(@forking.worker(slot.index, now))
    rescue SystemCallError => e
      give_up_for_now([slot], "#{slot} cannot be forked: #{e.message}")
    end

    # Before the server has served, what fails ends it; behind that, it is tried again.
    def give_up_for_now(slots, message)
      return fail_boot(message) unless @announced

      @log.error(message)
      slots.each { |slot| slot.postpone(now) }
    end

    def reap(slot, worker)
      _, status = Process.waitpid2(worker.pid, Process::WNOHANG | Process::WUNTRACED)
      return unless status
      return remove(slot, worker, status) unless status.stopped?

      @log.warn("#{slot} (#{worker.pid}) was stopped by SIG#{Signal.signame(status.stopsig)}")
      worker.stopped(now)
    rescue Errno::ECHILD
      remove(slot, worker, nil)
    end

    def remove(slot, worker, status)
      @forking.release(worker)
      role = slot.remove(worker, worker.reason || RestartCounter.reason(status), now)
      how = [RestartCounter.describe(status), worker.failure].compact.join("; ")
      return @failure || @shutdown.ended(slot, worker, status, how) if stopping?
      return @log.info("#{slot} (#{worker.pid}) has exited", how: how) if role == :leaving
      return fail_boot("#{slot} (#{worker.pid}) could not boot: #{worker.failure || how}") unless @announced || worker.booted?

      pause = slot.due ? "; the next one starts in #{[slot.due - now, 0].max.round(1)} s" : ""
      @log.public_send(status&.success? ? :info : :error, "#{slot} (#{worker.pid}) ended: #{how}#{pause}")
      give_up("the last one was #{slot} (#{worker.pid}): #{how}") if @slots.all? { |one| one.crash_loop?(now) }
    end

    def announce
      return if @announced || stopping? || !@slots.all?(&:serving?)

      first = @slots.first.current
      @announcement.call(first.io_driver, first.routes)
      @announced = true
    rescue BootError => e
      fail_boot(e.message)
    end

    def fail_boot(message)
      return if stopping?

      @failure = message
      stop(:boot)
    end

    # What starts the server again may have better luck, or tell somebody.
    def give_up(last)
      @shutdown.status = 1
      @last_words = "hyperion ends: one worker after the other died before it served; #{last}"
      stop(:crash_loop)
    end

    def stop(reason) = @shutdown.begin(reason, now)

    def stopping? = @shutdown.begun?

    def abandon
      @shutdown.status = 130
      stop(:INT)
      workers.each(&:kill)
    end

    # Workers of no use are replaced, and so are those that have served enough.
    def maintain
      @watchdog.round(now)
      @recycling.round(now) if @announced
      @slots.each { |slot| take_over(slot) if slot.successor&.booted? }
      @covering.round if @announced
      @slots.select(&:serving?).each { |slot| @restart_counter.record(slot) }
      @certificates.look # Workers tell what they read; those to come have it from here.
    end

    def take_over(slot)
      slot.take_over(now).retire(now + WorkerLife::LAST_CALL_S + @shutdown.patience_s)
    end

    def read_again
      @log.try_reopen
      @certificates.reload(nil) # Each worker tells what it reads.
      workers.each { |worker| worker.signal(:HUP) }
    end

    def workers = @slots.flat_map(&:workers)

    def wait_s
      return TICK_S if stopping? || @fork_hook.running?

      [TICK_S, *@slots.filter_map(&:due).map { |due| [due - now, 0].max }].min
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
