# frozen_string_literal: true

module Bench
  # What the access log costs: the hello app with the log off and on. The lines go to a file.
  class Log < Row
    label "log"
    about "What does the access log cost?"

    # The others have no switch for it, and are left out where they are named.
    def servers = %w[hyperion hyperion-io_uring puma raptor]

    def cases
      @settings.connections.flat_map do |count|
        [false, true].map { |on| at(count, name: "log #{on ? "on" : "off"}, #{count} connections", log: on) }
      end
    end

    def verdicts(cells)
      cells.group_by { |cell| [cell.server, cell.kase.connections] }.filter_map do |(server, count), pair|
        off, on = pair.sort_by { |cell| cell.kase.log ? 1 : 0 }
        share = Statistics.ratio(on.median(:rps), off.median(:rps))
        "#{server.label}, #{count} connections: #{Columns.percent(share)} of its r/s are left with the log on" if share
      end
    end
  end
end
