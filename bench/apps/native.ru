# frozen_string_literal: true

# The same greeting three ways: at / by a static route, at /block by a block, at /rack by the app. A
# server without such routes answers all of them by the app.
# The length is said, since some servers would else end the connection with the body.
HEADERS = { "content-type" => "text/plain", "content-length" => "13" }.freeze

if defined?(Hyperion::Server)
  Hyperion::Server.handle_static(:GET, "/", "Hello, World!")
  Hyperion::Server.handle(:GET, "/block") { |_env| [200, HEADERS.dup, ["Hello, World!"]] }
end

run ->(_env) { [200, HEADERS.dup, ["Hello, World!"]] }
