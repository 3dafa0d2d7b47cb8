# frozen_string_literal: true

module Hyperion
  # A worker's side of the pipes between it and its master: signs of life one way, the master's death
  # the other. The master's end of `master` closes with the master, however it dies.
  class Pulse
    INTERVAL_S = 1
    MARGIN_S = 5

    # @param writer [IO] to the master
    # @param master [IO] readable once the master is dead
    # @param master_pid [Integer]
    def initialize(writer, master, master_pid)
      @writer = writer
      @master = master
      @master_pid = master_pid
    end

    # Beats on a thread of its own, from before the app is loaded.
    # @param grace_s [Numeric] what an orphan may take to drain
    def start(mailbox, grace_s:)
      Thread.new do
        Thread.current.name = "hyperion pulse"
        write(".") until orphan?
        exit!(1) unless @booted
        mailbox.post(:orphaned)
        sleep(grace_s + MARGIN_S)
        exit!(1)
      end
    end

    # Requests are served.
    def booted(io_driver)
      @booted = true
      write("booted #{io_driver}\n")
    end

    # They will never be.
    def failed(message) = write("failed #{message.tr("\n", "\v")}\n")

    private

    def orphan? = !IO.select([@master], nil, nil, INTERVAL_S).nil? || Process.ppid != @master_pid

    # A master that does not read has no use for more.
    def write(text)
      @writer.write_nonblock(text, exception: false)
    rescue SystemCallError
      nil
    end
  end
end
