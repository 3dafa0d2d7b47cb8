# frozen_string_literal: true

module Bench
  # From the start of a server to its first right answer, and what it needs of memory then.
  class Boot < Row
    label "boot"
    about "How long does a server take from its start to its first right answer, and how much memory does it need then?"

    COLUMNS = [
      Columns.median("s to listen", :boot_s, 3), Columns.median("s to answer", :answer_s, 3), Columns.ratio("÷ %<peer>s", :answer_s),
      Columns.column("MiB after (peak)") { |cell| Columns.memory_text(cell) }, Columns.column("note") { |cell| Columns.note(cell) }
    ].freeze

    PLOTS = [
      Plots::Bars.new("Time", "seconds", { "to listen" => :boot_s }, beyond: { "(to answer)" => :answer_s }, digits: 3),
      Plots::MEMORY
    ].freeze

    def cases
      names = RailsRow.new(@settings).missing ? {} : { "Rails" => RailsRow::JSON_APP }
      { "hello" => HELLO, **names }.map { |name, app| at(1, name: name, app: app) }
    end

    def columns = COLUMNS

    def plots = PLOTS

    # The answer has come already: it is what the smoke test asks for.
    def try(*, **) = nil

    def measure(kase, process)
      SmokeTest.new(kase.app, closes: true).run(process.port)
      answer_s = process.age_s
      { requests: 2, seconds: answer_s, errors: 0, answer_s: answer_s, **Meter.new(process.tree).read }
    end
  end
end
