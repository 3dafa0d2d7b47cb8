# frozen_string_literal: true

require_relative "thread_backtraces"
require_relative "../process/engine_runner"

module Hyperion
  # A worker's side of the pipes between it and its master: signs of life and of progress one way,
  # orders the other. The master's end of `orders` closes with the master, however it dies.
  class Heartbeat
    INTERVAL_S = 1
    MARGIN_S = 5
    # Workers that were born together do not all ask for successors together.
    JITTER = 0.1

    # What is told of the engine: requests that wait, how many were begun, how much came on, and how often the
    # reactor has turned when it was asked to.
    BEAT = %i[queue_depth work_taken progress reactor_beats].freeze

    # @param writer [IO] to the master
    # @param orders [IO] from the master
    # @param master_pid [Integer]
    def initialize(writer, orders, master_pid)
      @writer = writer
      @orders = orders
      @master_pid = master_pid
    end

    # Beats on a thread of its own, from before the app is loaded.
    # @param event_queue [EventQueue] hears :retire and :orphaned
    # @param grace_s [Numeric] what an orphan may take to drain
    # @param max_requests [Integer, nil] behind about so many a successor is asked for
    def start(event_queue, grace_s:, max_requests: nil)
      @event_queue = event_queue
      @enough = max_requests && (max_requests + Random.new.rand(0..(max_requests * JITTER).to_i))
      Thread.new do
        Thread.current.name = "hyperion heartbeat"
        await_orders while beat
        orphaned(grace_s)
      end
    end

    # Requests are served.
    # @param routes [String, nil] what is answered without the app
    def booted(io_driver, routes = nil)
      @booted = true
      write("booted #{[io_driver, *routes].join(" ")}\n")
    end

    # They will never be.
    def failed(message) = write("failed #{message.tr("\n", "\v")}\n")

    private

    # @return [Boolean] whether the master lives
    def beat
      stats = EngineRunner.current&.stats || {}
      write("beat #{BEAT.map { |name| stats.fetch(name, 0) }.join(" ")}\n")
      ask_for_successor if @enough && stats.fetch(:requests, 0) >= @enough
      Process.ppid == @master_pid && !@deserted
    end

    def ask_for_successor
      write("spent #{@enough}\n")
      @enough = nil
    end

    # Waits for the time of the next beat, or for orders.
    def await_orders
      return unless IO.select([@orders], nil, nil, INTERVAL_S)

      text = @orders.read_nonblock(4096, exception: false)
      return @deserted = true unless text

      text.each_line(chomp: true) { |order| execute(order) } if text.is_a?(String)
    end

    def execute(order)
      word, slot = order.split
      case word
      when "retire", "stop" then @event_queue.post(word.to_sym)
      when "cover", "uncover" then @event_queue.post([word.to_sym, Integer(slot)])
      when "backtraces" then write_backtraces
      end
    end

    # The master has asked, so it reads; this may wait for it.
    def write_backtraces
      beat
      ThreadBacktraces.all.each { |lines| @writer.write("thread #{lines.join("\v")}\n") }
      @writer.write("backtraces_complete\n")
    rescue SystemCallError
      nil # It has died meanwhile.
    end

    def orphaned(grace_s)
      exit!(1) unless @booted
      @event_queue.post(:orphaned)
      sleep(grace_s + MARGIN_S)
      exit!(1)
    end

    # A master that does not read has no use for more.
    def write(text)
      @writer.write_nonblock(text, exception: false)
    rescue SystemCallError
      nil
    end
  end
end
