# frozen_string_literal: true

# Reads request bodies in many ways, and looks at what else goes on meanwhile.
SEEN = [nil]
OPEN = []

# Length, turns of another thread meanwhile, and the longest of its pauses in seconds.
WATCHED = lambda do |input|
  now = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) }
  ticks = []
  watcher = Thread.new { loop { ticks << now.call && sleep(0.005) } }
  sleep(0.02)
  length = input.read.bytesize
  ticks << now.call
  watcher.kill
  [length, ticks.size, ticks.each_cons(2).map { |one, next_one| next_one - one }.max].join(" ")
end

KINDS = lambda do |input|
  whole = input.read
  input.rewind
  pieces = +""
  while (piece = input.read(1000)) do pieces << piece end
  input.rewind
  lines = input.each.to_a.join
  input.rewind
  buffer = +""
  mixed = [input.gets, input.read(5), input.read(nil, buffer)].join
  input.rewind
  [pieces, lines, mixed, input.read(whole.bytesize + 10)].map { |other| other == whole ? "same" : "other" }.join(" ")
end

KILLED = lambda do |input|
  20.times do
    input.rewind
    reader = Thread.new { input.read }
    Thread.pass
    reader.kill.join
  end
  "killed"
end

run(lambda do |env|
  input = env["rack.input"]
  text = "fine"
  case env["PATH_INFO"]
  when "/plain" then input.read(10)
  when "/finished" then (env["rack.response_finished"] ||= []) << ->(*) { input.rewind && SEEN[0] = input.read.then { |body| "#{body.bytesize} #{body[0, 2]}" } }
  when "/reply" then (env["rack.after_reply"] ||= []) << -> {}
  when "/late"
    body = Enumerator.new { |pieces| ((env["rack.response_finished"] ||= []) << ->(*) {}) && pieces << "fine" }
    next [200, {}, body]
  when "/left-open" then next [200, {}, ->(stream) { OPEN << stream && stream.write("begun") }]
  when "/close" then OPEN.shift(OPEN.size).each(&:close)
  when "/seen" then text = SEEN[0].to_s
  when "/watched" then text = WATCHED.call(input)
  when "/kinds" then text = KINDS.call(input)
  when "/killed" then text = KILLED.call(input)
  end
  [200, { "content-type" => "text/plain" }, [text]]
end)
