# frozen_string_literal: true

module Hyperion
  # What this process does on each signal, from its start to its end. A signal becomes an event of the
  # mailbox. While the app loads, the signals that end a process do so at once, as everywhere in Ruby.
  class Signals
    STOPPING = %w[TERM INT QUIT].freeze
    LASTING = %w[HUP USR1 USR2 TTIN TTOU].freeze

    # @param mailbox [Mailbox]
    def initialize(mailbox)
      @mailbox = mailbox
      @former = {}
    end

    # While the app loads.
    def boot = post(*LASTING)

    # A master: everything is an event, the end of a child too.
    def master = post(*LASTING, *STOPPING, "CHLD")

    # A process without a master. An interrupt behind another request to stop is obeyed in the handler,
    # whatever the main thread waits for: first in the orderly way that runs `at_exit`, then without.
    def single
      post(*LASTING)
      STOPPING.each do |name|
        on(name) { name == "INT" && @stopping ? abandon : (@stopping = true) && @mailbox.post(name.to_sym) }
      end
    end

    # A forked worker that boots has nothing to finish, so a request to stop ends it at once. Interrupts
    # of a terminal reach the whole group, and the master decides what they mean.
    def worker_boot
      on("CHLD", "DEFAULT")
      on("INT", "IGNORE")
      %w[TERM QUIT].each { |name| on(name) { exit!(0) } }
    end

    # A worker that serves.
    def worker
      post(*LASTING, "TERM", "QUIT")
      on("INT", "IGNORE")
    end

    # Gives the signals back to who had them.
    def restore
      @former.each { |name, handler| Signal.trap(name, handler || "DEFAULT") }
      @former.clear
    end

    private

    def post(*names) = names.each { |name| on(name) { @mailbox.post(name.to_sym) } }

    def on(name, command = nil, &block)
      former = command ? Signal.trap(name, command) : Signal.trap(name, &block)
      @former[name] = former unless @former.key?(name)
    end

    def abandon
      exit!(130) if @abandoned
      @abandoned = true
      exit(130)
    end
  end
end
