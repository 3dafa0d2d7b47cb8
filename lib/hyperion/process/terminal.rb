# frozen_string_literal: true

module Hyperion
  # The terminal that the server was started in, if there was one.
  class Terminal
    def initialize
      @is_there = $stdin.tty? || $stdout.tty?
    end

    # To be asked at a hangup, which may be a request to read files again.
    # @return [Boolean] whether the terminal was closed
    def closed?
      return false unless @is_there

      File.open("/dev/tty") { false }
    rescue SystemCallError
      true
    end
  end
end
