# frozen_string_literal: true

# Stands for an app that waits for a database: the thread is taken, the GVL is free.
run(lambda do |_env|
  sleep 0.005
  [200, { "content-type" => "text/plain", "content-length" => "13" }, ["Hello, World!"]]
end)
