# frozen_string_literal: true

# The files that the bench has made, by the server itself or by Rack.
ASSETS = File.expand_path("../../tmp/bench/assets", __dir__)

if defined?(Hyperion::Server)
  Hyperion::Server.mount_static("/", ASSETS)
  run ->(_env) { [404, { "content-type" => "text/plain" }, ["not mounted"]] }
else
  require "rack"
  run(defined?(Rack::Files) ? Rack::Files.new(ASSETS) : Rack::File.new(ASSETS))
end
