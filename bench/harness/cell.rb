# frozen_string_literal: true

module Bench
  # What one server did in one case of a row: the result of each run, or why there is none.
  class Cell
    attr_reader :row, :kase, :server, :runs

    # @return [String, nil] why it is not measured further
    attr_accessor :failure

    def initialize(row, kase, server)
      @row = row
      @kase = kase
      @server = server
      @runs = []
      @failure = server.missing
    end

    # @param run [Hash{Symbol=>Object}] as of Server#measure
    # @return [Hash{Symbol=>Object}] the same with what follows from it
    def add(run)
      cpu_s = run[:cpu_user_s] + run[:cpu_sys_s]
      run = { rps: Statistics.ratio(run[:requests], run[:seconds]), **run,
              user_per_100k: Statistics.per_100k(run[:cpu_user_s], run[:requests]),
              sys_per_100k: Statistics.per_100k(run[:cpu_sys_s], run[:requests]),
              cpu_per_100k: Statistics.per_100k(cpu_s, run[:requests]) }
      @runs << run
      run
    end

    # @return [Array<Object>] one for each run that has it
    def values(key) = @runs.filter_map { |run| run[key] }

    def median(key) = Statistics.median(values(key))

    def sum(key) = values(key).sum

    def max(key) = values(key).max

    # @return [Hash{Symbol=>Object}] for a line of JSON
    def summary
      keys = @runs.flat_map(&:keys).uniq - %i[per_connection samples]
      { **place, runs: @runs.size, failure: @failure, rps_spread: Statistics.spread(values(:rps)),
        median: keys.to_h { |key| [key, median(key)] } }
    end

    # @return [Hash{Symbol=>String}]
    def place = { row: @row.label, case: @kase.name, server: @server.label }
  end
end
