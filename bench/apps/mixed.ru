# frozen_string_literal: true

# Waits as for a database, the GVL free: 500 ms at /slow, 5 ms elsewhere.
run(lambda do |env|
  sleep(env["PATH_INFO"] == "/slow" ? 0.5 : 0.005)
  [200, { "content-type" => "text/plain" }, ["Hello, World!"]]
end)
