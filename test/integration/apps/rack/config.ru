# frozen_string_literal: true

require "rack"
require "rack/lint"
require "json"
require "digest"

RELEASE = Thread::Queue.new

text = ->(_) { [200, { "content-type" => "text/plain" }, ["text " * 1000]] }
upload = lambda do |env|
  params = Rack::Request.new(env).params
  file = params.fetch("file")
  bytes = file[:tempfile].read
  answer = JSON.dump(name: file[:filename], type: file[:type], size: bytes.bytesize,
                     sha: Digest::SHA256.hexdigest(bytes), title: params["title"])
  [200, { "content-type" => "application/json" }, [answer]]
end
events = lambda do |_env|
  stream = Enumerator.new do |out|
    out << "data: first\n\n"
    RELEASE.pop
    out << "data: second\n\n"
  end
  [200, { "content-type" => "text/event-stream" }, stream]
end

map("/files") do
  use Rack::Lint
  run Rack::Files.new(__dir__)
end

map("/text") do
  use Rack::Lint
  use Rack::Deflater
  use Rack::ConditionalGet
  use Rack::ETag
  use Rack::Head
  use Rack::Runtime
  use Rack::ContentLength
  run text
end

map("/upload") do
  use Rack::Lint
  run upload
end

map("/method") do
  use Rack::Lint
  use Rack::MethodOverride
  run ->(env) { [200, { "content-type" => "text/plain" }, [env["REQUEST_METHOD"]]] }
end

map("/mounted") do
  run ->(env) { [200, { "content-type" => "text/plain" }, [env.values_at("SCRIPT_NAME", "PATH_INFO").join("|")]] }
end

map("/events") do
  use Rack::Lint
  run events
end

map("/release") { run ->(_) { (RELEASE << true) && [200, {}, ["released"]] } }
map("/boom") { run ->(_) { raise "secret of the app" } }
