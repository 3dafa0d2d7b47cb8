# frozen_string_literal: true

require "socket"
require_relative "../error"

module Hyperion
  # The sockets by which the workers of a cluster hand connections to each other: a pair for each slot.
  # Made before the first fork and kept by the master, so that what one worker leaves its successor finds.
  class HandoffChannels
    # @param workers [Integer]
    # @raise [BootError] where there are no descriptors left
    def initialize(workers)
      @pairs = Array.new(workers) { UNIXSocket.pair(:SEQPACKET) }
    rescue SystemCallError => e
      raise BootError, "the sockets between #{workers} workers cannot be made: #{e.message}; raise `ulimit -n`, or lower workers"
    end

    # @return [Hash{Symbol=>Array<Integer>}] descriptors by slot, for an engine, which makes copies: the ways
    #   there, and the ends out of which comes what is sent
    def settings = { ways: @pairs.map { |_, way| way.fileno }, inlets: @pairs.map { |inlet, _| inlet.fileno } }

    # Closes this process's copies.
    def close = @pairs.flatten.each(&:close)
  end
end
