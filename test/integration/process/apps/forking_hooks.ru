# frozen_string_literal: true

# Hooks around every request, native ones included, that fork and let the child return.
FORK = -> { Process.detach(fork || (return nil)) }
Hyperion::Runtime.default.on_request_start { |_request, _env| FORK.call }
Hyperion::Runtime.default.on_request_end { |_request, _env, _response, _error| FORK.call }
Hyperion::Server.handle_static(:GET, "/static", "static")
run ->(_env) { [200, { "content-type" => "text/plain" }, ["fine"]] }
