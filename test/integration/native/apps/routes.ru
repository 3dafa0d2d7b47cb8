# frozen_string_literal: true

# Routes of every kind beside an app, whose middleware leaves its mark on what passes through it.
SERVER = Hyperion::Server
TEXT = { "content-type" => "text/plain" }.freeze
BIG = Array.new(20_000) { |index| format("%07d\n", index) }.join.freeze

SERVER.handle_static(:GET, "/static", "a static body\n", headers: { "X-One" => "1", "set-cookie" => %w[a=1 b=2], "cache-control" => "max-age=60" })
SERVER.handle_static("get", "/html", "<p>", content_type: "text/html; charset=utf-8")
SERVER.handle_static(:GET, "/big", BIG)
SERVER.handle_static(:GET, "/empty", "")
SERVER.handle_static(:GET, "/none", "", status: 204)
SERVER.handle_static(:GET, "/gone", "it was here\n", status: 410)
SERVER.handle_static(:GET, "/tagged", "tagged\n", headers: { "etag" => '"mine"' })
SERVER.handle_static(:GET, "/a%20b", "escaped\n")
SERVER.handle_static(:GET, "/closing", "closing\n", headers: { "connection" => "close" })
SERVER.handle_static(:POST, "/taken", "taken\n", status: 202)
SERVER.handle_static(:GET, "/both", "static\n")
SERVER.handle(:POST, "/both") { |env| [200, TEXT, ["block got #{env["rack.input"].read}"]] }
SERVER.handle(:GET, "/block") { |env| [200, TEXT, ["block #{env["QUERY_STRING"]}"]] }
SERVER.handle(:GET, "/register") do |env|
  SERVER.handle_static(:GET, env["QUERY_STRING"], "registered while serving\n")
  [200, TEXT, ["registered"]]
rescue ArgumentError => e
  [409, TEXT, [e.message]]
end

SERVER.mount_static("/apps", __dir__)

# What a route passes by.
class Mark
  def initialize(app) = @app = app

  def call(env)
    status, headers, body = @app.call(env)
    [status, headers.merge("x-middleware" => "passed"), body]
  end
end

use Mark
run ->(env) { [200, TEXT, ["rack #{env["REQUEST_METHOD"]} #{env["PATH_INFO"]} #{env["rack.input"].read}"]] }
