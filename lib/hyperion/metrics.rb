# frozen_string_literal: true

require_relative "process/engine_runner"

module Hyperion
  # What all processes of a server count, in memory that they share. Made before any fork.
  class Metrics
    # A worker, its successor, and those that still leave.
    PROCESSES_PER_WORKER = 4

    # The block of the segment in which a process counts.
    Claim = Struct.new(:segment, :block, :slot)

    # @param workers [Integer]
    def initialize(workers = 1)
      @segment = EngineRunner.engine_class::Segment.new([workers, 1].max * PROCESSES_PER_WORKER)
    end

    # A block for a process that is to be made; only the first process of a server gives them away.
    # @param slot [Integer] of the worker
    # @raise [Errno::EAGAIN] where too many former ones still leave
    # @return [Claim]
    # @api private
    def claim(slot)
      block = @segment.claim or raise Errno::EAGAIN, "too many former workers are still leaving"
      Claim.new(@segment, block, slot)
    end

    # The process of that claim is dead, or was never made.
    # @api private
    def release(claim) = @segment.release(claim.block)

    # A worker was replaced.
    # @param reason [Symbol] one of RestartCounter::REASONS
    # @api private
    def restarted(reason) = @segment.restarted(reason)

    # A worker begins none of the requests that wait.
    # @api private
    def stalled = @segment.stalled

    # @param phase [Symbol] :booting, :serving or :draining; `/-/ready` tells it
    # @api private
    def phase=(phase)
      @segment.phase = phase
    end

    # @return [Symbol]
    def phase = @segment.phase

    # @return [Hash{Symbol=>Integer, Array<Hash>}] all numbers by name; under `workers`, the processes that live
    def snapshot = @segment.stats

    # What `/-/metrics` shows.
    # @param format [Symbol] :prometheus or :openmetrics
    # @return [String]
    def text(format = :prometheus) = @segment.text(format)
  end
end
