# frozen_string_literal: true

module Hyperion
  # A forked worker in its master's eyes: the pipes to it, its signs of life, and what it has told.
  class Child
    STOPPED_S = 5
    SAY = /\A(\w+) ?(.*)\z/

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

    # @param pid [Integer]
    # @param reader [IO] of its pulse
    # @param orders [IO] to it; closed with this process
    # @param now [Numeric] monotonic seconds, as everywhere here
    def initialize(pid, reader, orders, now)
      @pid = pid
      @reader = reader
      @orders = orders
      @started = @beat = now
      @rest = +""
      @threads = []
    end

    def booted? = !io_driver.nil?

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
      lines&.each { |line| hear(*line.match(SAY)&.captures, now) }
    end

    # The process was stopped, as by SIGSTOP.
    def stopped(now) = @stopped_at ||= now

    # The master itself was held up; no silence in that time counts.
    def forgive(now)
      @beat = now
      @waiting_since &&= now
    end

    # @return [String, nil] why there is no hope that it hears anything
    def frozen(now, timeout_s)
      return "was stopped #{STOPPED_S} s ago and does not go on" if @stopped_at && now - @stopped_at >= STOPPED_S

      "has given no sign of life for #{timeout_s} s" if now - @beat >= timeout_s
    end

    # @return [String, nil] why it is of no use, though it lives
    def stuck(now, timeout_s)
      return unless @waiting_since && now - @waiting_since >= timeout_s

      "has #{@waiting} requests waiting and has begun none of them for #{timeout_s} s"
    end

    # @return [Boolean] whether the system has stopped it, so that it cannot answer
    def stopped? = !@stopped_at.nil?

    # @return [Boolean] whether its threads are told completely
    def told? = @told || false

    # Asks what its threads are doing.
    def ask(now)
      @asked_at = now
      @threads = []
      @told = false
      order("backtraces")
    end

    # There is no reason any more to have asked.
    def pardon = @asked_at = nil

    # Its successor serves: it may finish what it has begun.
    # @param by [Numeric] it is killed then
    def retire(by)
      @leave_by = by
      order("retire")
    end

    # It is of no use: it should end.
    # @param by [Numeric] it is killed then
    def dismiss(by)
      @leave_by = by
      signal(:TERM)
    end

    # Ends the process without its help.
    def kill(reason = nil)
      @killed = true
      @reason = reason
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

    def hear(word, text, now)
      case word
      when "beat" then progress(*text.split.map(&:to_i), now)
      when "booted" then boot(text, now)
      when "failed" then @failure = text.tr("\v", "\n")
      when "spent" then @spent_at ||= now
      when "thread" then @threads << text.split("\v")
      when "told" then @told = true
      end
    end

    def boot(text, now)
      @io_driver, @routes = text.split(" ", 2)
      @booted_at = now
    end

    # Executors that take work make progress, however long each request lasts; and where none waits,
    # none is missed.
    def progress(waiting, taken, now)
      @waiting_since = nil if waiting.zero? || taken != @taken
      @waiting_since ||= now if waiting.positive?
      @waiting = waiting
      @taken = taken
    end
  end
end
