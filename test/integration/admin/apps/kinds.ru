# frozen_string_literal: true

# A request of each kind: the app at any path, a block, a static response, files below /files.
Hyperion::Server.handle_static(:GET, "/static", "static")
Hyperion::Server.handle(:GET, "/block") { |_env| [200, { "content-type" => "text/plain" }, ["block"]] }
Hyperion::Server.mount_static("/files", __dir__)

run(lambda do |env|
  sleep(Float(env["QUERY_STRING"])) if env["PATH_INFO"] == "/sleep"
  [200, { "content-type" => "text/plain" }, [env["PATH_INFO"] == "/peer" ? env["REMOTE_ADDR"] : Process.pid.to_s]]
end)
