# frozen_string_literal: true

# A thousand events of fifty bytes, each a piece of its own.
class Events
  EVENT = "data: #{"x" * 42}\n\n"

  def each = 1000.times { yield EVENT }
end

run ->(_env) { [200, { "content-type" => "text/event-stream", "cache-control" => "no-store" }, Events.new] }
