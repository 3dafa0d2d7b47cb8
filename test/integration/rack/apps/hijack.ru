# frozen_string_literal: true

SAVED = {}
REPORTS = Hash.new { |hash, key| hash[key] = Thread::Queue.new }
LOCK = Mutex.new

def report(key) = LOCK.synchronize { REPORTS[key] }

ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
METHODS = %i[read write read_nonblock write_nonblock flush close close_read close_write closed?].freeze

# Takes the socket and answers by hand.
full = lambda do |env|
  io = env["rack.hijack"].call
  same = env["rack.hijack_io"].nil? || env["rack.hijack_io"].equal?(io)
  body = "hijacked #{same} #{METHODS.all? { |m| io.respond_to?(m) }}"
  io.write(format(ANSWER, body.bytesize, body))
  io.flush
  io.close
  report(env["QUERY_STRING"]) << io.closed?
  [200, {}, ["ignored"]]
end

# Switches protocols by hand and echoes lines, unread bytes first, from a thread that outlives the call.
echo = lambda do |env|
  io = env["rack.hijack"].call
  Thread.new do
    io.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: #{env["HTTP_UPGRADE"]}\r\nconnection: upgrade\r\n\r\n")
    while (line = io.gets) && line != "bye\n"
      io.write("echo #{line}")
    end
    io.write("goodbye\n")
  rescue SystemCallError
    nil
  ensure
    io.close
  end
  [-1, {}, []]
end

# Keeps the socket and lets another request write to it later.
keep = lambda do |env|
  io = env["rack.hijack"].call
  io.write("kept\n")
  LOCK.synchronize { SAVED[env["QUERY_STRING"]] = io }
  [200, {}, []]
end

poke = lambda do |env|
  io = LOCK.synchronize { SAVED.delete(env["QUERY_STRING"]) }
  io.write("poked\n")
  io.close
  [200, { "content-type" => "text/plain" }, ["done"]]
end

# Reads nothing more, and writes when another request says so.
deaf = lambda do |env|
  io = env["rack.hijack"].call
  io.write("deaf\n")
  io.close_read
  report(env["QUERY_STRING"]).pop
  io.write("still here\n")
  io.close
  [200, {}, []]
end

# Leaves the connection to a child.
child = lambda do |env|
  io = env["rack.hijack"].call
  pid = fork do
    answer = "answer of a child to #{io.gets}"
    io.write(format(ANSWER, answer.bytesize, answer))
    exit!(0)
  end
  io.close
  Process.detach(pid)
  [200, {}, []]
end

# Ends the connection while a child has it as well.
shut = lambda do |env|
  io = env["rack.hijack"].call
  pid = fork { sleep }
  io.write(format(ANSWER, 4, "shut"))
  io.shutdown
  io.close
  Process.detach(pid)
  [200, {}, []]
end

nonblock = lambda do |env|
  io = env["rack.hijack"].call
  seen = [io.read_nonblock(100, exception: false)]
  io.write("ready\n")
  seen << (io.wait_readable(5) ? io.read_nonblock(100) : "timeout")
  io.write_nonblock("#{seen.inspect}\n")
  io.close
  [200, {}, []]
end

partial = lambda do |env|
  writer = lambda do |io|
    io.write("partial ")
    io.flush
    report(env["QUERY_STRING"]).pop
    io.write("hijack")
    io.close
  end
  [200, { "content-type" => "text/plain", "rack.hijack" => writer }, []]
end

upgrade = lambda do |_env|
  writer = lambda do |io|
    io.write("welcome\n")
    io.write("heard #{io.read(5)}\n")
    io.close
  end
  [101, { "connection" => "upgrade", "upgrade" => "talk", "rack.hijack" => writer }, []]
end

# Reads the request's body behind the hijack, when only the socket brings more.
body = lambda do |env|
  io = env["rack.hijack"].call
  read = begin
    env["rack.input"].read
  rescue IOError => e
    e.message
  end
  io.write(format(ANSWER, read.bytesize, read))
  io.close
  [200, {}, []]
end

ROUTES = {
  "/full" => full, "/echo" => echo, "/keep" => keep, "/poke" => poke, "/nonblock" => nonblock,
  "/body" => body, "/deaf" => deaf, "/child" => child, "/shut" => shut, "/partial" => partial, "/upgrade" => upgrade,
  "/open" => ->(env) { report(env["QUERY_STRING"]) << true and [200, {}, ["opened"]] },
  "/report" => ->(env) { [200, {}, [report(env["QUERY_STRING"]).pop.inspect]] },
  "/raise" => ->(env) { env["rack.hijack"].call.write("HTTP/1.1 200 OK\r\n\r\nmine") and raise "after hijack" },
  "/exit" => ->(env) { env["rack.hijack"].call.write("HTTP/1.1 200 OK\r\n\r\nmine") and exit(3) },
  "/flag" => ->(env) { [200, {}, [env["rack.hijack?"].inspect]] }
}.freeze

run ->(env) { ROUTES.fetch(env["PATH_INFO"], ->(_) { [404, {}, ["nothing here"]] }).call(env) }
