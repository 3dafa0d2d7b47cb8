# frozen_string_literal: true

module Bench
  # An app that waits 50 ms for PostgreSQL: are the threads kept busy, or the fibers?
  class Pg < Row
    label "pg"
    about "Are the threads kept busy by an app that waits 50 ms for PostgreSQL?"

    WAIT_S = 0.05

    def app = App.new(path: "#{ROOT}/bench/apps/pg.ru", **GREETING)

    def missing = Postgres.missing

    def prepare
      @database = Postgres.start
    end

    def conclude = @database&.stop

    def servers = %w[hyperion hyperion-fibers hyperion-processes puma puma-t100 falcon]

    def verdicts(cells)
      cells.filter_map do |cell|
        rps = cell.median(:rps)
        possible = [cell.server.at_once, cell.kase.connections].min / WAIT_S
        "#{cell.server.label}: #{rps.round} of #{possible.round} possible requests per second" if rps
      end
    end
  end
end
