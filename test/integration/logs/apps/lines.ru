# frozen_string_literal: true

require "json"

# Answers of each kind that a line may be about.
Hyperion::Server.handle_static(:GET, "/static", "static")
Hyperion::Server.handle(:GET, "/block") { |_env| [200, {}, ["block"]] }
Hyperion::Server.handle(:GET, "/block/raise") { |_env| raise "raised" }
Hyperion::Server.mount_static("/files", __dir__, fallthrough: false)

EXTRAS = {
  "plain" => { user_id: 7, "plan" => "gold", ratio: 0.5, trial: false, note: nil },
  "reserved" => { status: 999, "path" => "/forged", "ts" => "never", "ok" => 1 },
  "hostile" => { "a\"b\n" => "c\"\n\e[31m\xff", "list" => [1, { "x" => 2 }] },
  "odd" => { Object.new => 1, "nan" => Float::NAN, "huge" => 10**40, "symbol" => :gold, "wide" => "ä".encode("UTF-16LE"), 7 => "seven" },
  "raising" => { "bad" => Class.new { def to_s = raise("no text") }.new, "good" => 1 },
  "long" => { "large" => "x" * 10_000, "small" => "y" },
  "many" => (1..100).to_h { |index| ["k#{index}", "v"] },
  "none" => "text"
}.freeze

run(lambda do |env|
  case env["PATH_INFO"]
  when "/extras" then env["hyperion.log_extras"] = EXTRAS.fetch(env["QUERY_STRING"])
  when "/queue" then next [200, { "content-type" => "application/json" }, [JSON.generate(env["hyperion.queue_seconds"])]]
  when "/sleep" then sleep(Float(env["QUERY_STRING"]))
  when "/spin" then nil while Process.clock_gettime(Process::CLOCK_REALTIME) < Float(env["QUERY_STRING"])
  when "/raise" then raise "raised"
  when "/split" then next [200, { "x-a" => "a\r\nx-forged: b" }, ["app"]]
  when "/read" then env["rack.input"].read
  when "/early" then env["rack.early_hints"]&.call("link" => "</a>")
  when "/stream" then next [200, {}, Enumerator.new { |out| 3.times { |index| out << "piece #{index}" } }]
  when "/endless" then next [200, {}, Enumerator.new { |out| loop { out << ("x" * 10_000) } }]
  when "/large" then next [200, {}, ["x" * 3_000_000]]
  when "/cut" then next [200, {}, Enumerator.new { |out| (out << "piece") && raise("cut") }]
  when "/switch" then next [101, { "upgrade" => "echo", "connection" => "upgrade" }, ->(io) { io.write("up") && io.close }]
  end
  [200, { "content-type" => "text/plain" }, ["app"]]
end)
