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

    # @return [Hash{Symbol=>Array<Integer>}] descriptors by slot, for an engine, which makes copies: the end of
    #   each channel that sends to the slot, and the end that receives there
    def settings = { handoff_senders: @pairs.map { |_, sender| sender.fileno }, handoff_receivers: @pairs.map { |receiver, _| receiver.fileno } }

    # Closes this process's copies.
    def close = @pairs.flatten.each(&:close)
  end
end
