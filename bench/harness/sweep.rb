# frozen_string_literal: true

module Bench
  # All that was asked for, one measurement at a time. The servers take turns, A B C A B C, so that a
  # change of the machine meets them alike.
  class Sweep
    # @param output [IO] gets the tables; progress goes to the standard error
    def initialize(settings, journal, output: $stdout, progress: $stderr)
      @settings = settings
      @journal = journal
      @output = output
      @progress = progress
      @report = Report.new
    end

    # @return [Boolean] whether every server that is here was measured
    def run
      facts = Machine.facts(@settings)
      @journal.record("machine", facts)
      tell(@report.heading(facts))
      rows.map { |row| run_row(row) }.all?
    end

    private

    def rows
      chosen = @settings.rows.map { |label| Row.named(label) }
      chosen = Row.labelled if chosen.empty?
      chosen.map { |row| row.new(@settings) }
    end

    # The table comes also when the row is interrupted.
    def run_row(row)
      servers = (@settings.servers || row.servers).map { |label| Server.named(label).new(@settings) }
      cells = row.cases.flat_map { |kase| servers.map { |server| Cell.new(row, kase, server) } }
      cells.group_by(&:kase).each_value { |group| take_turns(group) }
      cells.all? { |cell| cell.failure.nil? || cell.server.missing }
    ensure
      conclude(cells)
    end

    def take_turns(cells)
      cells.first.row.runs.times { |turn| cells.each { |cell| measure(cell, turn + 1) unless cell.failure } }
    end

    def measure(cell, turn)
      run = cell.add(cell.server.measure(cell.row, cell.kase))
      @journal.record("run", { **cell.place, run: turn, **run })
      progress(cell, turn, "#{Columns.number(run[:rps], 0)} r/s, #{Columns.number(run[:cpu_per_100k], 2)} CPU s per 100,000")
    rescue Failure => error
      cell.failure = "run #{turn}: #{error.message}"
      progress(cell, turn, error.message)
    end

    def conclude(cells)
      cells.each { |cell| @journal.record("cell", cell.summary) }
      tell(@report.table(cells))
      cells.first&.row&.plots(cells)&.each { |name, picture| @journal.keep(name, picture) }
    end

    def progress(cell, turn, text) = @progress.puts("#{cell.place.values.join(", ")}, run #{turn}: #{text}")

    def tell(text)
      @output.puts(text, "")
      @output.flush
      @journal.report(text)
    end
  end
end
