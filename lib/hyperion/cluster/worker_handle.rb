# frozen_string_literal: true

module Hyperion
  # A forked worker in its master's eyes: the pipes to it, its signs of life, and what it has told.
  class WorkerHandle
    STOPPED_S = 5
    MESSAGE = /\A(\w+) ?(.*)\z/

    # @return [Integer]
    attr_reader :pid
    # @return [IO] signs of life
    attr_reader :reader
    # @return [String, nil] the I/O driver, once the process serves
    attr_reader :io_driver
    # @return [String, nil] what it answers without the app
    attr_reader :routes
    # @return [String, nil] why the process cannot serve, in its words
    attr_reader :failure
    # @return [Numeric, nil] when it asked for a successor, because it has served enough
    attr_reader :spent_at
    # @return [Array<Array<String>>] its threads, each a title and its backtrace, as far as it was asked
    attr_reader :threads
    # @return [Symbol, nil] why it was killed
    attr_reader :reason
    # @return [Numeric, nil] until when it must have ended
    attr_reader :leave_by
    # @return [Numeric, nil] when it was asked for its threads
    attr_reader :asked_at
    # @return [Array<Integer>] slots for which it accepts, too
    attr_reader :covered
    # @return [Boolean, nil] whether the log says already that it begins nothing
    attr_accessor :complained_of

    # @param pid [Integer]
    # @param reader [IO] of its heartbeat
    # @param orders [IO] to it; closed with this process
    # @param now [Numeric] monotonic seconds, as everywhere here
    def initialize(pid, reader, orders, now)
      @pid = pid
      @reader = reader
      @orders = orders
      @started = @beat = @reactor_at = @progress_at = now
      @covered, @threads, @rest = [], [], +""
    end

    def booted? = !io_driver.nil?

    # @return [Boolean] whether connections that it is given are served soon
    def serves? = booted? && !killed? && !stopped? && asked_at.nil? && leave_by.nil?

    # @return [Boolean] whether it has served for that long
    def lived?(seconds, now) = booted? && now - @booted_at >= seconds

    # @return [Numeric] seconds since its fork
    def uptime(now) = now - @started

    # Takes in what the process has written.
    def read(now)
      while (text = reader.read_nonblock(65_536, exception: false)).is_a?(String)
        @beat = now
        @stopped_at = nil
        @rest << text
      end
      *lines, @rest = @rest.split("\n", -1) if @rest.include?("\n")
      lines&.each { |line| receive(*line.match(MESSAGE)&.captures, now) }
    end

    # The process was stopped, as by SIGSTOP.
    def stopped(now) = @stopped_at ||= now

    # The master itself was held up; no silence in that time counts.
    def restart_clocks(now)
      @beat = @reactor_at = @progress_at = now
      @waiting_since &&= now
    end

    # @return [String, nil] why there is no hope that it hears anything
    def silence_complaint(now, timeout_s)
      return "was stopped #{STOPPED_S} s ago and does not go on" if @stopped_at && now - @stopped_at >= STOPPED_S
      return "has sent no heartbeat for #{timeout_s} s" if now - @beat >= timeout_s

      "accepts and answers nothing: its reactor has not turned for #{timeout_s} s" if booted? && @beat - @reactor_at >= timeout_s
    end

    # @return [String, nil] why it will not come to serve
    def boot_complaint(now, timeout_s)
      "has not booted for #{timeout_s} s" if !booted? && now - @started >= timeout_s
    end

    # @return [String, nil] that requests wait, and none is begun
    def stall_complaint(now, timeout_s)
      "has #{@waiting} requests waiting and has begun none of them for #{timeout_s.round(1)} s" if @waiting_since && now - @waiting_since >= timeout_s
    end

    # @return [Boolean] whether what it has begun does not come on either
    def stuck?(now, timeout_s) = !stall_complaint(now, timeout_s).nil? && now - @progress_at >= timeout_s

    # @return [Boolean] whether the system has stopped it, so that it cannot answer
    def stopped? = !@stopped_at.nil?

    # @return [Boolean] whether it has sent the backtraces of all its threads
    def backtraces_complete? = @backtraces_complete || false

    # Asks what its threads are doing.
    def ask(now)
      @asked_at = now
      @threads = []
      @backtraces_complete = false
      order("backtraces")
    end

    # There is no reason any more to have asked, or complained.
    def withdraw_complaint = @asked_at = @complained_of = nil

    # Connections to these slots are for it, too, while nobody else accepts them.
    # @param slots [Array<Integer>]
    def cover(slots)
      (slots - @covered).each { |slot| order("cover #{slot}") }
      (@covered - slots).each { |slot| order("uncover #{slot}") }
      @covered = slots
    end

    # The whole server stops. What the app has done to its signals does not matter.
    def stop
      order("stop")
      signal(*(booted? ? [] : [:TERM]), :CONT)
    end

    # Its successor serves: it may finish what it has begun.
    # @param by [Numeric] it is killed then
    def retire(by)
      @leave_by = by
      order("retire")
    end

    # Ends the process without its help.
    # @param failure [String, nil] told as the worker's own last words
    def kill(reason = nil, failure = nil)
      @killed = true
      @reason = reason
      @failure ||= failure
      signal(:KILL)
    end

    def killed? = @killed || false

    # @return [Boolean] whether there was someone to hear it
    def signal(*names)
      names.each { |name| Process.kill(name, pid) }
      true
    rescue Errno::ESRCH
      false
    end

    # @return [Array<IO>] this process's ends of the pipes
    def pipes = [@reader, @orders]

    # The process is dead: takes in its last words.
    def ended(now)
      read(now)
      pipes.each(&:close)
    end

    private

    def order(word)
      @orders.write_nonblock("#{word}\n", exception: false)
    rescue SystemCallError, IOError
      nil # It is dead or does not read; the master finds out.
    end

    def receive(word, text, now)
      case word
      when "beat" then progress(*text.split.map(&:to_i), now)
      when "booted" then boot(text, now)
      when "failed" then @failure = text.tr("\v", "\n")
      when "spent" then @spent_at ||= now
      when "thread" then @threads << text.split("\v")
      when "backtraces_complete" then @backtraces_complete = true
      end
    end

    # The first beat from here on is what asks the reactor; only those behind it tell whether it turns.
    def boot(text, now)
      @io_driver, @routes = text.split(" ", 2)
      @booted_at = @reactor_at = now
      @reactor_beats = nil
    end

    # Executors that take work serve those who wait, however long each request lasts; and where none waits,
    # none is missed. What they give and take on the way is progress, too.
    def progress(waiting, taken, progress, reactor_beats, now)
      @waiting_since = nil if waiting.zero? || taken != @taken
      @waiting_since ||= now if waiting.positive?
      @progress_at = now if progress != @progress
      @reactor_at = now if reactor_beats != @reactor_beats
      @waiting, @taken, @progress, @reactor_beats = waiting, taken, progress, reactor_beats
    end
  end
end
