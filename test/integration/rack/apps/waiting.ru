# frozen_string_literal: true

require "timeout"

# Waits on clients that do not move, with a time limit of its own around each wait.
PAYLOAD = ->(i) { (i % 10).to_s * 1_000_000 }
RESULTS = Thread::Queue.new

limited = lambda do |seconds, &work|
  Timeout.timeout(seconds, &work)
  "in time"
rescue Timeout::Error
  "timed out"
end

read = lambda do |env|
  [200, { "content-type" => "text/plain" }, [limited.call(0.3) { env["rack.input"].read }]]
end

write = lambda do |_env|
  body = lambda do |stream|
    200.times { stream.write(PAYLOAD.call(_1)) }
    stream.close
    RESULTS << "written"
  end
  [200, { "content-type" => "text/plain" }, body]
end

tunnel = lambda do |_env|
  talk = lambda do |stream|
    stream.write(limited.call(0.3) { stream.read(5) })
    stream.close
  end
  [101, { "connection" => "upgrade", "upgrade" => "silence" }, talk]
end

each = lambda do |_env|
  [200, { "content-type" => "text/plain" }, Enumerator.new { |out| 200.times { out << PAYLOAD.call(_1) } }]
end

ROUTES = {
  "/read" => read, "/write" => write, "/each" => each, "/tunnel" => tunnel,
  "/result" => ->(_) { [200, {}, [RESULTS.pop]] },
  "/shell" => ->(_) { [200, {}, [`echo from the shell` + $?.success?.inspect]] },
  "/wait" => ->(_) { [200, {}, [Process.wait2(fork { exit!(3) }).last.exitstatus.to_s]] },
  "/ok" => ->(_) { [200, {}, ["ok"]] }
}.freeze

run ->(env) { ROUTES.fetch(env["PATH_INFO"]).call(env) }
