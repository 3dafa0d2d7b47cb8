# frozen_string_literal: true

require_relative "engine_runner"

module Hyperion
  # Ends the process natively when its end takes too long, as where a hook or an `at_exit` of the app hangs, or
  # where C code never gives the interpreter's lock back. The time runs from the first request to stop.
  class ForcedExit
    # What the end may take beyond the time that is given to it.
    MARGIN_S = 2
    OVER = "graceful_timeout is over, and a hook, an at_exit or C code still runs: the process ends without them"
    INTERRUPTED = "a second interrupt: the process ends at once"

    # @param log [Log] shapes the lines
    def initialize(log)
      @log = log
    end

    # Begins to watch this process, in the place of a watch before.
    # @param grace_s [Numeric] what the end may take behind a request to stop, but for the margin
    # @param boots [Boolean] whether the process does not serve yet
    # @param master [Integer, nil] the process whose end is a request to stop
    def arm(grace_s, boots: false, master: nil)
      EngineRunner.engine_class.force_exit({ grace_s: Float(grace_s + MARGIN_S), boots: boots, master: master, log_file: @log.path, utc_offset_s: Time.now.utc_offset,
                                        over: @log.template(:error, OVER), interrupted: @log.template(:warn, INTERRUPTED) })
    end

    # To be called behind each `trap`, which takes the handler of a signal away.
    def watch = EngineRunner.engine_class.watch_signals

    # This process stops without a signal.
    def announce = EngineRunner.engine_class.announce_stop

    # The process goes on with something else.
    def cancel = EngineRunner.engine_class.end_watch
  end
end
