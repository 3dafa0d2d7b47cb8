# frozen_string_literal: true

module Hyperion
  # The time between a request to stop and the stop: whoever asks is told that the server is not ready any more,
  # and it serves as before for `drain_delay`.
  class Notice
    # @param event_queue [EventQueue] gets [:leave, reason] when the time is over
    # @param metrics [Metrics]
    # @param log [Log]
    # @param terminal [Terminal]
    # @param delay_s [Numeric]
    def initialize(event_queue:, metrics:, log:, terminal:, delay_s:)
      @event_queue = event_queue
      @metrics = metrics
      @log = log
      @terminal = terminal
      @delay_s = delay_s
      @given = false
    end

    def given? = @given

    # @param reason [Symbol]
    def give(reason)
      return if given?

      @given = true
      @log.info("a second interrupt ends the server at once") if reason == :INT
      @metrics.phase = :draining
      return @event_queue.post([:leave, reason]) if @delay_s.zero?

      @log.info("not ready", reason: reason, drain_delay: @delay_s)
      @event_queue.post_in(@delay_s, [:leave, reason])
    end

    # To be called at a hangup, which may be a request to read files again.
    # @return [Boolean] whether it was one to stop
    def give_if_hung_up
      @terminal.hung_up?.tap { |is_over| give(:HUP) if is_over }
    end
  end
end
