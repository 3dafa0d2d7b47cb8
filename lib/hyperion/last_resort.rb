# frozen_string_literal: true

module Hyperion
  # Ends the process when its end takes too long, as where a hook or an `at_exit` of the app hangs.
  class LastResort
    # What the end may take beyond the graceful timeout.
    MARGIN_S = 2

    # @param grace_s [Numeric] the graceful timeout, which begins now
    # @param log [Log]
    def initialize(grace_s, log)
      @thread = Thread.new do
        sleep(grace_s + MARGIN_S)
        log.engine = nil # It would write later than this process lives.
        log.error("graceful_timeout is over, and a hook or an at_exit still runs: the process ends without them")
        exit!(1)
      end
      @thread.name = "hyperion last resort"
    end

    # The process goes on with something else.
    def cancel = @thread.kill
  end
end
