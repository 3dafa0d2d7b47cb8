# frozen_string_literal: true

# Answered by the engine, while every Ruby thread is busy:
#   curl -i http://127.0.0.1:9292/version
#   curl -i http://127.0.0.1:9292/examples/hello.ru
Hyperion::Server.handle_static(:GET, "/version", "#{Hyperion::VERSION}\n", headers: { "cache-control" => "no-cache" })
Hyperion::Server.mount_static("/examples", __dir__, index: "hello.ru")

# Answered by a block on a Ruby thread, without the app and its middleware.
Hyperion::Server.handle(:GET, "/time") { |_env| [200, { "content-type" => "text/plain" }, ["#{Time.now}\n"]] }

# Told of every request, whoever answers it.
Hyperion::Runtime.default.on_request_end do |request, env, response, error|
  Hyperion.logger.debug("answered", path: request.path, by: env ? "Ruby" : "the engine", status: response&.first, error: error&.message)
end

# Everything else.
run ->(env) { [200, { "content-type" => "text/plain" }, ["#{env["PATH_INFO"]} by the app\n"]] }
