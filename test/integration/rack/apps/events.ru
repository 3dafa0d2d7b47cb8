# frozen_string_literal: true

# Every response of this app is watched: what its body and its callbacks saw goes, in order, to a log
# that `/log?key` hands out, with whether the last callback has run.
# It must not wait for that: the callback may be for the thread that it occupies.
LOGS = Hash.new { |hash, key| hash[key] = [] }
DONE = Hash.new(false)
GATES = Hash.new { |hash, key| hash[key] = Thread::Queue.new }
LOCK = Mutex.new

NOTE = ->(key, event) { LOCK.synchronize { LOGS[key] << event } }
FINISH = ->(key) { LOCK.synchronize { DONE[key] = true } }
GATE = ->(key) { LOCK.synchronize { GATES[key] } }

# Counts how often it is closed; what it yields is up to the block.
class Watched
  def initialize(key, &work)
    @key = key
    @work = work
  end

  def each(&block) = @work.call(block)
  def close = NOTE.call(@key, "close")
end

class WatchedFile < Watched
  def to_path = __FILE__
end

# A Rack 3 streaming body.
class WatchedStream
  def initialize(key) = @key = key
  def call(stream) = (stream.write("streamed"); stream.close)
  def close = NOTE.call(@key, "close")
end

class BrokenClose < Watched
  def close
    super
    raise "close is broken"
  end
end

def endless(key)
  Watched.new(key) do |out|
    out.call("begun\n")
    GATE.call(key).pop
    loop { out.call("x" * 65_536) }
  end
end

def broken(key)
  Watched.new(key) { |out| out.call("partial\n") and raise "secret in each" }
end

def gated(key)
  Watched.new(key) { |out| out.call("a") and GATE.call(key).pop and out.call("b") }
end

HELLO = ->(out) { out.call("hello") }
ENDINGS = {
  "normal" => ->(key) { [200, {}, Watched.new(key, &HELLO)] },
  "known" => ->(key) { [200, { "content-length" => "5" }, Watched.new(key, &HELLO)] },
  "204" => ->(key) { [204, {}, Watched.new(key, &HELLO)] },
  "304" => ->(key) { [304, {}, Watched.new(key, &HELLO)] },
  "short" => ->(key) { [200, { "content-length" => "50" }, Watched.new(key, &HELLO)] },
  "long" => ->(key) { [200, { "content-length" => "2" }, Watched.new(key, &HELLO)] },
  "broken" => ->(key) { [200, {}, broken(key)] },
  "broken-first" => ->(key) { [200, {}, Watched.new(key) { raise "secret at once" }] },
  "endless" => ->(key) { [200, {}, endless(key)] },
  "gated" => ->(key) { [200, {}, gated(key)] },
  "file" => ->(key) { [200, {}, WatchedFile.new(key, &HELLO)] },
  "stream" => ->(key) { [200, {}, WatchedStream.new(key)] },
  "bad-header" => ->(key) { [200, { "x-bad" => "a\r\nevil: yes" }, Watched.new(key, &HELLO)] },
  "bad-status" => ->(key) { [:nonsense, {}, Watched.new(key, &HELLO)] },
  "bad-chunk" => ->(key) { [200, {}, Watched.new(key) { |out| out.call(42) }] },
  "broken-close" => ->(key) { [200, {}, BrokenClose.new(key, &HELLO)] },
  "exit" => ->(key) { [200, {}, Watched.new(key) { |out| out.call("x") and exit(3) }] },
  "killed" => ->(key) { [200, {}, Watched.new(key) { |out| out.call("x") and Thread.current.kill }] },
  "partial" => ->(key) { [200, { "rack.hijack" => ->(io) { io.write("mine") and io.close } }, Watched.new(key, &HELLO)] },
  "raise" => ->(_key) { raise ArgumentError, "secret in call" }
}.freeze

def watch(env, key)
  env["rack.response_finished"] << lambda do |finished_env, status, headers, error|
    NOTE.call(key, ["finished", finished_env.equal?(env), status, headers&.key?("x-seen"), error&.class&.name])
  end
  env["rack.response_finished"] << ->(*) { NOTE.call(key, "second") and raise "callbacks may fail" }
  env["rack.after_reply"] << -> { NOTE.call(key, "reply") && FINISH.call(key) }
end

run(lambda do |env|
  key = env["QUERY_STRING"]
  case env["PATH_INFO"]
  when "/log" then [200, {}, [Marshal.dump(LOCK.synchronize { [DONE[key], LOGS[key].dup] })]]
  when "/open" then GATE.call(key) << true and [200, {}, ["opened"]]
  else
    watch(env, key)
    status, headers, body = ENDINGS.fetch(env["PATH_INFO"].delete_prefix("/")).call(key)
    [status, headers.merge("x-seen" => "yes"), body]
  end
end)
