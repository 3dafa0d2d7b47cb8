# frozen_string_literal: true

require "json"

# Hooks that write down what they hear, of routes of every kind; `/events` tells it, and forgets it.
# The executors that hang are let go when the file $RELEASE is made.
TEXT = { "content-type" => "text/plain" }.freeze
EVENTS = Thread::Queue.new
GATE = Thread::Queue.new
RELEASE = ENV.fetch("RELEASE", nil)

note = lambda do |name, request, env, response = nil, error = nil|
  next if request.path == "/events"

  EVENTS << { "hook" => name, "path" => request.path, "env" => env && env["PATH_INFO"], "status" => response&.first,
              "headers" => response && response[1], "error" => error&.message, "thread" => Thread.current == Thread.main }
end

runtime = Hyperion::Runtime.default
runtime.on_request_start { |request, env| note.call("start 1", request, env) }
runtime.on_request_start { |request, _| raise "a start hook fails" if request.query == "fail" }
runtime.on_request_start { |request, env| note.call("start 2", request, env) }
runtime.on_request_end { |request, env, response, error| note.call("end 1", request, env, response, error) }
runtime.on_request_end { |request, *| raise "an end hook fails" if request.query == "fail" }
runtime.on_request_end { |request, env, response, error| note.call("end 2", request, env, response, error) }
runtime.on_request_start do |request, _|
  next unless request.path == "/request"

  EVENTS << { "hook" => "seen", "path" => request.path, "frozen" => request.frozen?, "method" => request.method, "query" => request.query,
              "headers" => request.headers, "remote_addr" => request.remote_addr, "http_version" => request.http_version }
end

Hyperion::Server.handle_static(:GET, "/static", "static", headers: { "set-cookie" => %w[a=1 b=2] })
Hyperion::Server.handle_static(:GET, "/request", "static")
Hyperion::Server.handle(:GET, "/block") { |env| [201, TEXT.merge("x-env" => env["hyperion.test"].inspect), ["block"]] }
Hyperion::Server.mount_static("/apps", __dir__)
runtime.on_request_start { |_, env| env["hyperion.test"] = "from a hook" if env }

Thread.new { sleep 0.01 until File.exist?(RELEASE) && GATE.close } if RELEASE

run(lambda do |env|
  case env["PATH_INFO"]
  when "/events" then [200, TEXT, [JSON.generate(Array.new(EVENTS.size) { EVENTS.pop })]]
  when "/raise" then raise "the app fails"
  when "/hang" then GATE.pop && nil || [200, TEXT, ["released"]]
  when "/hijack"
    io = env["rack.hijack"].call
    io.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    io.close
    [0, {}, []]
  else [200, TEXT, ["rack #{env["hyperion.test"]}"]]
  end
end)
