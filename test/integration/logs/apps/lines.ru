# frozen_string_literal: true

require "json"

# Answers of each kind that a line may be about.
Hyperion::Server.handle_static(:GET, "/static", "static")
Hyperion::Server.handle(:GET, "/block") { |_env| [200, {}, ["block"]] }
Hyperion::Server.mount_static("/files", __dir__)

EXTRAS = {
  "plain" => { user_id: 7, "plan" => "gold", ratio: 0.5, trial: false, note: nil },
  "reserved" => { status: 999, "path" => "/forged", "ts" => "never", "ok" => 1 },
  "hostile" => { "a\"b\n" => "c\"\n\e[31m\xff", "list" => [1, { "x" => 2 }] },
  "many" => (1..100).to_h { |index| ["k#{index}", "v"] },
  "none" => "text"
}.freeze

run(lambda do |env|
  case env["PATH_INFO"]
  when "/extras" then env["hyperion.log_extras"] = EXTRAS.fetch(env["QUERY_STRING"])
  when "/queue" then next [200, { "content-type" => "application/json" }, [JSON.generate(env["hyperion.queue_seconds"])]]
  when "/sleep" then sleep(Float(env["QUERY_STRING"]))
  when "/raise" then raise "raised"
  when "/early" then env["rack.early_hints"]&.call("link" => "</a>")
  end
  [200, { "content-type" => "text/plain" }, ["app"]]
end)
