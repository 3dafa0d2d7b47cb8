# frozen_string_literal: true

module Hyperion
  # A place for a worker in the master's eyes: its process, its signs of life, and when a dead one is
  # due for replacement.
  class Slot
    YOUNG_S = 1
    FIRST_PAUSE_S = 0.1
    LONGEST_PAUSE_S = 5
    STOPPED_S = 5

    # @return [Integer]
    attr_reader :index
    # @return [Integer, nil] while a process lives
    attr_reader :pid
    # @return [IO, nil] signs of life
    attr_reader :reader
    # @return [String, nil] the I/O driver, once the process serves
    attr_reader :io_driver
    # @return [String, nil] why the process cannot serve, in its words
    attr_reader :failure

    def initialize(index)
      @index = index
      @failures = 0
      @due = 0
    end

    def alive? = !pid.nil?
    def booted? = !io_driver.nil?
    def to_s = "worker #{index}"

    # @return [Boolean] whether a process is to be made now
    def due?(now) = !alive? && now >= @due

    # @return [Numeric, nil] when it is
    def due = alive? ? nil : @due

    def started(pid, reader, now)
      @pid = pid
      @reader = reader
      @started = @beat = now
      @io_driver = @failure = @stopped = @killed = nil
      @text = +""
    end

    # Reads what the process has written.
    def read(now)
      while (text = reader.read_nonblock(4096, exception: false)).is_a?(String)
        @beat = now
        @stopped = nil
        @text << text
      end
      @io_driver ||= @text[/^\.*booted (.*)\n/, 1]
      @failure ||= @text[/^\.*failed (.*)\n/, 1]&.tr("\v", "\n")
      @text.clear if booted?
    end

    # The process was stopped, as by SIGSTOP.
    def stopped(now) = @stopped ||= now

    # The master itself was held up; no silence in that time counts.
    def forgive(now) = @beat = now

    # A process cannot be made now.
    def postpone(now) = @due = now + LONGEST_PAUSE_S

    # @return [String, nil] why the process must be killed, unless it was already
    def hopeless(now, timeout_s)
      return if !alive? || @killed
      return "was stopped #{STOPPED_S} s ago and does not go on" if @stopped && now - @stopped >= STOPPED_S

      "has given no sign of life for #{timeout_s} s" if now - @beat >= timeout_s
    end

    # The process is dead.
    # @return [Numeric] seconds until the next one
    def ended(now)
      read(now)
      reader.close
      @failures = now - @started < YOUNG_S ? @failures + 1 : 0
      pause = @failures.zero? ? 0 : [FIRST_PAUSE_S * (2**(@failures - 1)), LONGEST_PAUSE_S].min
      @due = now + pause
      @pid = @reader = @stopped = nil
      pause
    end

    # Ends the process without its help.
    def kill
      @killed = true
      signal(:KILL)
    end

    # @return [Boolean] whether the process is killed already, or there is none
    def finished? = !alive? || @killed

    # @return [Boolean] whether there was someone to hear it
    def signal(*names)
      names.each { |name| Process.kill(name, pid) } if alive?
      alive?
    rescue Errno::ESRCH
      false
    end
  end
end
