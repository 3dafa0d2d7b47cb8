# frozen_string_literal: true

module Bench
  # What a request waits when the same load is offered to every server: an open loop at fixed rates,
  # which charges a stall for all requests that were due meanwhile.
  class Latency < Row
    label "latency"
    about "What does a request wait when every server is offered the same load?"

    def cases
      @settings.rates.product(@settings.connections).map do |rate, count|
        at(count, name: "#{Columns.number(rate, 0)} r/s on #{count}", rate: rate)
      end
    end

    def columns = Columns::OPEN_LOOP

    def load(...) = generate(...)
  end
end
