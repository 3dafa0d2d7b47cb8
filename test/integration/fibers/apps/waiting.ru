# frozen_string_literal: true

# Requests that wait: for each other, for their client, for a time.
require "timeout"

Fiber.attr_accessor(:note)
crowd = Thread::Queue.new
gate = Thread::Queue.new
seen = Thread::Queue.new

# All that wait here go on when the last of them has come.
meet = lambda do |count|
  crowd << true
  sleep(0.001) until crowd.size >= count
end

kept = lambda do
  storage = Fiber.respond_to?(:[]) ? Fiber[:note] : nil
  [Thread.current[:note], storage, Fiber.current.note].compact.inspect
end

keep = lambda do |how|
  case how
  when "local" then Thread.current[:note] = "kept"
  when "storage" then Fiber[:note] = "kept" if Fiber.respond_to?(:[])
  when "variable" then Fiber.current.note = "kept"
  end
end

stream = lambda do |out|
  100.times { out.write("x" * 100_000) }
  seen << :written
rescue IOError => e
  seen << e.class
ensure
  out.close
end

run lambda { |env|
  name, argument = env["PATH_INFO"].delete_prefix("/").split("/", 2)
  body =
    case name
    when "meet" then meet.call(Integer(argument)).inspect
    when "wait" then gate.pop.to_s
    when "open" then gate << argument
    when "waiting" then gate.num_waiting.to_s
    when "seen" then seen.pop.to_s
    when "fiber" then Fiber.current.blocking?.to_s
    when "keep" then keep.call(argument).inspect
    when "kept" then kept.call
    when "stream" then stream
    when "late" then Timeout.timeout(0.01) { sleep }
    when "body" then env["rack.input"].read.size.to_s
    when "fork" then Process.wait2(fork { sleep(0.01) && exit!(7) }).last.exitstatus.to_s
    when "return" then fork ? "parent" : sleep(0.01).inspect
    when "kill" then Thread.current.kill
    when "spin" then nil while Process.clock_gettime(Process::CLOCK_REALTIME) < Float(argument)
    when "finish"
      env["rack.response_finished"]&.push(->(*) { sleep(0.001) && seen << :finished })
      "soon"
    when "hijack"
      io = env["rack.hijack"].call
      Fiber.schedule do
        io.write("HTTP/1.1 101 Switching Protocols\r\n\r\n")
        io.write("heard #{io.readpartial(100)}")
        io.close
      end
      ""
    when "tunnel"
      next [101, { "upgrade" => "talk", "connection" => "upgrade" }, lambda { |io|
        io.write("heard #{io.readpartial(100)}")
        io.close
      }]
    else "hello"
    end
  [200, { "content-type" => "text/plain" }, body.respond_to?(:call) ? body : [body.to_s]]
}
