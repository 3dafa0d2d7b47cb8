# frozen_string_literal: true

require_relative "measured"

module Bench
  # What one server did in one case of a row: the result of each run, or why there is none.
  class Cell
    include Measured

    attr_reader :row, :kase, :server, :runs

    # @return [String, nil] why it is not measured further
    attr_accessor :failure

    def initialize(row, kase, server)
      @row = row
      @kase = kase
      @server = server
      @runs = []
      @absence = row.missing || server.missing || server.excluded(kase) || unlogged
      @failure = @absence
    end

    # Whether it was never to be measured here.
    def skipped? = !@absence.nil?

    # @return [String, nil] why runs are missing
    def reason = @failure || (@runs.empty? ? "not measured: the sweep ended before" : nil)

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

    # @param cells [Array<Cell>] all of the row, among them the floors of this case
    # @return [Hash{Symbol=>Object}] for a line of JSON
    def summary(cells)
      floors = cells.select { |cell| cell.kase == @kase && cell.server.floor? && cell.runs.any? }
      { **place, runs: @runs.size, failure: @failure, skipped: skipped?, **distribution,
        floors_cpu_per_100k: floors.to_h { |cell| [cell.server.label, cell.median(:cpu_per_100k)] } }
    end

    # @return [Hash{Symbol=>String}]
    def place = { row: @row.label, case: @kase.name, server: @server.label }

    private

    def unlogged = ("has no switch for its access log" if kase.log && !server.log_switch?)
  end
end
