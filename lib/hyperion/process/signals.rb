# frozen_string_literal: true

module Hyperion
  # What this process does on each signal, from its start to its end. While it serves, a signal is an
  # event of the queue; before, there is nothing to finish and a request to stop ends it at once. Each stage
  # tells the native watch how long the end of the process may take.
  class Signals
    STOPPING = %w[TERM INT QUIT].freeze
    LASTING = %w[HUP USR1 USR2 TTIN TTOU].freeze

    # @param event_queue [EventQueue]
    def initialize(event_queue)
      @event_queue = event_queue
      @former = {}
    end

    # While the libraries load. No exception is raised for a signal: one that strikes inside `require`
    # can leave RubyGems in a state that hides it.
    def self.start = STOPPING.each { |name| Signal.trap(name) { |number| exit!(128 + number) } }

    # While the app loads.
    # @yield what is to be done before a signal ends the process; without a block such signals stay as they are
    def boot(&clean_up)
      post(*LASTING)
      STOPPING.each { |name| on(name) { |number| clean_up.call && exit!(128 + number) } } if clean_up
    end

    # Signals are heard natively, too, from here on. The process still boots.
    # @param forced_exit [ForcedExit]
    def watch(forced_exit)
      @forced_exit = forced_exit
      forced_exit.arm(0, boots: true)
    end

    # A master: everything is an event, the end of a child too.
    # @param grace_s [Numeric] what its end may take, as in each stage that serves
    def master(grace_s)
      @forced_exit.arm(grace_s)
      post(*LASTING, *STOPPING, "CHLD")
    end

    # A process without a master. An interrupt behind another request to stop is obeyed in the handler,
    # whatever the main thread waits for: first in the orderly way that runs `at_exit`, then without.
    def single(grace_s)
      @forced_exit.arm(grace_s)
      post(*LASTING)
      STOPPING.each do |name|
        on(name) { name == "INT" && @stopping ? abandon : (@stopping = true) && @event_queue.post(name.to_sym) }
      end
    end

    # A forked worker that boots has nothing to finish, so a request to stop ends it at once. Interrupts
    # of a terminal reach the whole group, and the master decides what they mean: the watch begins when they
    # are ignored.
    def worker_boot
      on("CHLD", "DEFAULT")
      on("INT", "IGNORE")
      %w[TERM QUIT].each { |name| on(name) { exit!(0) } }
      @forced_exit.arm(0, boots: true, master: Hyperion.master_pid)
    end

    # A worker that serves.
    def worker(grace_s)
      @forced_exit.arm(grace_s, master: Hyperion.master_pid)
      post(*LASTING, "TERM", "QUIT")
      on("INT", "IGNORE")
    end

    # This process stops without a signal.
    def announce_stop = @forced_exit.announce

    # Nothing forces this process to end any more: it goes on with something else.
    def end_watch = @forced_exit&.cancel

    # @return [Boolean] whether the server was started by nohup and the like
    def hangup_ignored? = @former["HUP"] == "IGNORE"

    # Gives the signals back to who had them.
    def restore
      @former.each { |name, handler| Signal.trap(name, handler || "DEFAULT") }
      @former.clear
    end

    private

    def post(*names) = names.each { |name| on(name) { @event_queue.post(name.to_sym) } }

    def on(name, command = nil, &block)
      former = command ? Signal.trap(name, command) : Signal.trap(name, &block)
      @former[name] = former unless @former.key?(name)
      @forced_exit&.watch # What was trapped is heard by Ruby alone.
    end

    def abandon
      exit!(130) if @abandoned
      @abandoned = true
      exit(130)
    end
  end
end
