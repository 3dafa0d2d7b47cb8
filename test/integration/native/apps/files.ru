# frozen_string_literal: true

# Mounts of each kind over $TREE, and an app that answers with files of it.
TREE = ENV.fetch("TREE")
TEXT = { "content-type" => "text/plain" }.freeze
SERVER = Hyperion::Server

SERVER.mount_static("/assets", "#{TREE}/assets", headers: { "cache-control" => "max-age=60", "x-mount" => "assets" })
SERVER.mount_static("/assets/inner", "#{TREE}/inner")
SERVER.mount_static("/strict", "#{TREE}/assets", fallthrough: false)
SERVER.mount_static("/site/", "#{TREE}/site", index: %w[index.html index.htm])
SERVER.mount_static("/plain", "#{TREE}/assets", precompressed: false)
SERVER.mount_static("/forever", "#{TREE}/assets", immutable: true)
SERVER.mount_static("/private", "#{TREE}/private", internal: true)
SERVER.handle_static(:GET, "/assets/static.txt", "a route, not a file\n")

# A body that is a file.
class PathBody
  def initialize(path) = @path = path
  def to_path = @path
  def each = yield("what each gives")
  def close = nil
end

run(lambda do |env|
  name = "#{TREE}/assets/#{env["QUERY_STRING"]}"
  case env["PATH_INFO"]
  when "/to_path" then [200, TEXT.merge("x-app" => "1"), PathBody.new(name)]
  when "/missing" then [404, { "content-type" => "text/html", "x-app" => "1" }, PathBody.new(name)]
  when "/encoded" then [200, TEXT.merge("content-encoding" => "gzip"), PathBody.new(name)]
  when "/own" then [200, TEXT.merge("etag" => '"own"', "last-modified" => "Mon, 01 Jan 2024 00:00:00 GMT"), PathBody.new(name)]
  when "/absolute" then [200, TEXT, PathBody.new(env["QUERY_STRING"])]
  when "/sendfile" then [200, { "x-app" => "1", "content-length" => "3", env["HTTP_X_NAME"] => env["HTTP_X_FILE"] }.merge(env["HTTP_X_TYPED"] ? TEXT : {}), ["app"]]
  else [200, TEXT, ["rack #{env["REQUEST_METHOD"]} #{env["PATH_INFO"]}"]]
  end
end)
