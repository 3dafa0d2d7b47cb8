# frozen_string_literal: true

# Server-sent events by a body that is called with its stream: curl -N http://127.0.0.1:9292/
run(lambda do |_env|
  events = lambda do |stream|
    3.times do |i|
      stream.write("id: #{i}\ndata: #{Time.now.to_i}\n\n")
      stream.flush
      sleep 0.2
    end
  ensure
    stream.close
  end
  [200, { "content-type" => "text/event-stream", "cache-control" => "no-cache" }, events]
end)
