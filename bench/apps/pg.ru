# frozen_string_literal: true

require "pg"

# Waits 50 ms in PostgreSQL, on a connection that no other request uses meanwhile. BENCH_PG names the folder of its
# socket.
idle = Thread::Queue.new
connect = -> { PG.connect(host: ENV.fetch("BENCH_PG"), user: "bench", dbname: "postgres") }
checkout = lambda do
  idle.pop(true)
rescue ThreadError
  connect.call
end

run lambda { |_env|
  database = checkout.call
  database.exec("SELECT pg_sleep(0.05)")
  idle << database
  [200, { "content-type" => "text/plain", "content-length" => "13" }, ["Hello, World!"]]
}
