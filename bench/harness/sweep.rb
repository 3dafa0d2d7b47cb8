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
      rows = self.rows
      facts = Machine.facts(@settings, rows.flat_map { |row| servers(row) })
      @journal.record("machine", facts)
      tell(@report.heading(facts))
      @page = Page.new(facts)
      rows.map { |row| run_row(row) }.all?
    end

    private

    def rows
      chosen = @settings.rows.map { |label| Row.named(label) }
      chosen = Row.labelled if chosen.empty?
      chosen.map { |row| row.new(@settings) }
    end

    def servers(row) = (@settings.servers || row.servers).map { |label| Server.named(label).new(@settings) }

    # The table comes also when the row is interrupted.
    def run_row(row)
      row.prepare unless row.missing
      servers = servers(row)
      cells = row.cases.flat_map { |kase| servers.map { |server| Cell.new(row, kase, server) } }
      cells.group_by(&:kase).each_value { |group| take_turns(group) }
      cells.all? { |cell| cell.failure.nil? || cell.skipped? }
    ensure
      row.conclude
      conclude(cells) if cells
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
      cells.each { |cell| @journal.record("cell", cell.summary(cells)) }
      tell(@report.table(cells))
      @page.add(cells)
      @journal.show(@page.to_s)
    end

    def progress(cell, turn, text) = @progress.puts("#{cell.place.values.join(", ")}, run #{turn}: #{text}")

    def tell(text)
      @output.puts(text, "")
      @output.flush
      @journal.report(text)
    end
  end
end
