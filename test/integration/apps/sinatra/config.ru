# frozen_string_literal: true

require "sinatra/base"
require "json"
require "digest"

# What small Sinatra apps are made of: sessions, cookies, a redirect, an upload, a stream, files and errors.
class Guestbook < Sinatra::Base
  RELEASE = Thread::Queue.new

  set :environment, :production
  set :host_authorization, { permitted_hosts: [] } if respond_to?(:host_authorization)
  set :logging, false
  set :root, __dir__
  enable :sessions
  set :session_secret, "a" * 64
  disable :show_exceptions, :raise_errors, :dump_errors

  get("/") { "Hello from Sinatra #{request.host}:#{request.port} #{request.ip}" }
  get("/json") { content_type(:json) && JSON.dump(params) }
  get("/redirect") { redirect "/landed?from=redirect" }
  get("/landed") { "landed #{params["from"]}" }
  get("/visits") { (session[:visits] = session[:visits].to_i + 1).to_s }
  get("/boom") { raise ArgumentError, "secret of the app" }
  get("/halt") { halt 418, { "x-teapot" => "yes" }, "short and stout" }
  get("/file") { send_file __FILE__, type: "text/plain", disposition: "attachment", filename: "app.txt" }
  get("/release") { RELEASE << true and "released" }
  put("/echo") { request.body.read }
  delete("/things/:id") { |id| [200, "deleted #{id}"] }

  get "/cookie" do
    response.set_cookie("plain", value: "one two", path: "/")
    response.set_cookie("second", value: "2", path: "/", httponly: true)
    "was #{request.cookies["plain"].inspect}"
  end

  get "/stream" do
    stream do |out|
      out << "first,"
      RELEASE.pop
      out << "second"
    end
  end

  post "/upload" do
    file = params.fetch("file")
    bytes = file[:tempfile].read
    JSON.dump(name: file[:filename], type: file[:type], size: bytes.bytesize,
              sha: Digest::SHA256.hexdigest(bytes), title: params["title"])
  end

  post("/form") { JSON.dump(params) }
  error { status(500) && "An apology" }
  not_found { "Nothing at #{request.path_info}" }
end

run Guestbook
