# frozen_string_literal: true

module Hyperion
  # The terminal that the server was started in, if there was one.
  class Terminal
    # @param signals [Signals]
    # @param log_file [String, nil] the place of the log; nil for the terminal
    def initialize(signals, log_file)
      @signals = signals
      @log_file = log_file
      @is_there = $stdin.tty? || $stdout.tty?
    end

    # A hangup asks for log and certificates to be read again; but where the terminal was closed there is no place
    # left for the log, and nobody who would stop the server.
    # @return [Boolean] whether it is a request to stop
    def hung_up? = @log_file.nil? && !@signals.hangup_ignored? && closed?

    private

    def closed?
      return false unless @is_there

      File.open("/dev/tty") { false }
    rescue SystemCallError
      true
    end
  end
end
