# frozen_string_literal: true

require "pg"

# Waits 50 ms in PostgreSQL, on a connection of each thread. BENCH_PG names the folder of its socket.
run lambda { |_env|
  database = Thread.current[:database] ||= PG.connect(host: ENV.fetch("BENCH_PG"), user: "bench", dbname: "postgres")
  database.exec("SELECT pg_sleep(0.05)")
  [200, { "content-type" => "text/plain", "content-length" => "13" }, ["Hello, World!"]]
}
