# frozen_string_literal: true

# All ways to be answered: a static route, a block, a file, and the app, which streams where it is asked to.
ASSETS = File.expand_path("../../tmp/bench/assets", __dir__)
TEXT = { "content-type" => "text/plain" }.freeze

if defined?(Hyperion::Server)
  Hyperion::Server.handle_static(:GET, "/static", "Hello, World!")
  Hyperion::Server.handle(:GET, "/block") { |_env| [200, TEXT.dup, ["Hello, World!"]] }
  Hyperion::Server.mount_static("/files", ASSETS)
end

# Yields three pieces.
class Pieces
  def each(&block) = %w[one two three].each(&block)
end

run(lambda do |env|
  body = env["PATH_INFO"] == "/stream" ? Pieces.new : ["Hello, World!"]
  [200, TEXT.dup, body]
end)
