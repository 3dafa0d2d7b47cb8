# frozen_string_literal: true

require "socket"

module Hyperion
  # The sockets by which the workers of a cluster hand connections to each other: a pair for each slot.
  # Made before the first fork and kept by the master, so that what one worker leaves its successor finds.
  class Siblings
    # @param workers [Integer]
    def initialize(workers)
      @pairs = Array.new(workers) { UNIXSocket.pair(:SEQPACKET) }
    end

    # @param slot [Integer] of the worker
    # @return [Hash{Symbol=>Object}] for its engine, which makes copies: the ways to all slots, and the
    #   end of its own out of which comes what the others send
    def settings(slot) = { ways: @pairs.map { |_, way| way.fileno }, inlet: @pairs[slot].first.fileno }

    # Closes this process's copies.
    def close = @pairs.flatten.each(&:close)
  end
end
