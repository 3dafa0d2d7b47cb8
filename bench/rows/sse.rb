# frozen_string_literal: true

module Bench
  # Server-sent events: a thousand of them in each response, each a piece of the body.
  class Sse < Row
    label "sse"
    about "What does each event of a long stream cost?"

    EVENT = "data: #{"x" * 42}\n\n"
    COUNT = 1000

    COLUMNS = [Columns.column("events/s") { |cell| Columns.number(cell.median(:rps)&.*(COUNT), 0) }, *Columns::CLOSED_LOOP.drop(1)].freeze

    EVENTS = Plots.rate("Throughput", "events per second", divisor: 1.0 / COUNT)

    def app
      App.new(path: "#{ROOT}/bench/apps/sse.ru", body: EVENT * COUNT, headers: { "content-type" => "text/event-stream" })
    end

    def columns = COLUMNS

    def plots = [EVENTS, *super.drop(1)]

    def load(...) = generate(...)

    # The end of a stream may be the end of its connection.
    def try(kase, port, **) = super(kase, port, closes: true)
  end
end
