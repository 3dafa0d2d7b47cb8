# frozen_string_literal: true

require "fiddle"

# An app in which every thread can be made to hang, and what must be answered all the same.
HOLDING = Fiddle::Function.new(Fiddle::Handle::DEFAULT["usleep"], [Fiddle::TYPE_INT], Fiddle::TYPE_INT, need_gvl: true)
NEVER = Thread::Queue.new
LIVE = Array.new(200_000) { |index| [index.to_s] }.freeze

Hyperion::Server.handle_static(:GET, "/static", "static")
Hyperion::Server.handle(:GET, "/block") { |_| [200, {}, ["block"]] }
Hyperion::Server.mount_static("/apps", __dir__)
Hyperion::Runtime.default.on_request_end { |*| nil } if ENV["WITH_HOOKS"]

# Says that it begins, and never ends.
KINDS = {
  "/sleep" => -> { NEVER.pop },
  "/hold" => -> { loop { HOLDING.call(900_000_000) } },
  "/collect" => -> { loop { GC.start } },
  "/spin" => -> { loop { nil } }
}.freeze

run(lambda do |env|
  hang = KINDS[env["PATH_INFO"]] or next [200, {}, ["rack"]]
  warn "hanging by #{env["PATH_INFO"]}"
  hang.call
end)
