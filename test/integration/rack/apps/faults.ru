# frozen_string_literal: true

# Does everything an application should not do.
class Breaking
  def initialize(&work) = @work = work
  def each(&block) = @work.call(block)
end

MEETING = Thread::Queue.new
GATES = Hash.new { |hash, key| hash[key] = Thread::Queue.new }
LOCK = Mutex.new

def gate(key) = LOCK.synchronize { GATES[key] }
def recurse(depth) = recurse(depth + 1) + 1

# Ends only when `count` requests are inside the app at once.
def meet(count)
  MEETING << true
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 5
  sleep 0.005 until MEETING.size >= count || Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
  [200, {}, [MEETING.size >= count ? "met" : "alone"]]
end

# The child returns from `call` as well, as a forgotten `exit!` would make it.
def fork_and_return
  child = fork
  return [200, { "x-who" => "child" }, ["child"]] if child.nil?

  Process.detach(child)
  [200, { "x-who" => "parent" }, [child.to_s]]
end

# The child keeps copies of every descriptor of the server for a while.
def fork_and_linger
  child = fork { sleep 4 }
  Process.detach(child)
  [200, {}, [child.to_s].each]
end

FAULTS = {
  "raise" => ->(_) { raise ArgumentError, "secret-in-message" },
  "exit" => ->(_) { exit(7) },
  "abort" => ->(_) { abort("aborted by the app") },
  "throw" => ->(_) { throw :nowhere },
  "thread-exit" => ->(_) { Thread.exit },
  "thread-kill" => ->(_) { Thread.current.kill },
  "no-memory" => ->(_) { raise NoMemoryError, "secret-memory" },
  "exception" => ->(_) { raise Exception, "secret-exception" },
  "signal" => ->(_) { raise SignalException, "TERM" },
  "interrupt" => ->(_) { raise Interrupt, "secret" },
  "script" => ->(_) { raise NotImplementedError, "secret-script" },
  "stack" => ->(_) { recurse(0) },
  "frozen-message" => ->(_) { raise "\xff\xfe secret \r\n forged: line".b },
  "no-message" => ->(_) { raise Class.new(StandardError) { def message = raise("even message raises") } },
  "nil" => ->(_) {},
  "empty" => ->(_) { [] },
  "string" => ->(_) { "200" },
  "two" => ->(_) { [200, {}] },
  "status-text" => ->(_) { ["fine", {}, []] },
  "status-99" => ->(_) { [99, {}, []] },
  "status-1000" => ->(_) { [1000, {}, []] },
  "status-nil" => ->(_) { [nil, {}, []] },
  "status-huge" => ->(_) { [2**70, {}, []] },
  "headers-nil" => ->(_) { [200, nil, []] },
  "headers-string" => ->(_) { [200, "x: y", []] },
  "body-nil" => ->(_) { [200, {}, nil] },
  "body-number" => ->(_) { [200, {}, 42] },
  "chunk-nil" => ->(_) { [200, {}, ["a", nil]] },
  "frozen" => ->(_) { [200, { "content-type" => "text/plain" }.freeze, ["fine"].freeze].freeze },
  "status-string" => ->(_) { ["201", { "content-type" => "text/plain" }, ["fine"]] },
  "each-raise" => ->(_) { [200, {}, Breaking.new { |out| 3.times { out.call("part") } and raise "secret-each" }] },
  "exit-bang" => ->(_) { exit!(9) },
  "kill-self" => ->(_) { Process.kill(:KILL, Process.pid) and sleep },
  "segfault" => ->(_) { Process.kill(:SEGV, Process.pid) and sleep },
  "fork-return" => ->(_) { fork_and_return },
  "fork-linger" => ->(_) { fork_and_linger },
  "meet" => ->(env) { meet(Integer(env["QUERY_STRING"])) },
  "part" => ->(_) { MEETING.clear and [200, {}, ["parted"]] },
  "wait" => ->(env) { gate(env["QUERY_STRING"]).pop and [200, {}, ["waited"]] },
  "open" => ->(env) { gate(env["QUERY_STRING"]) << true and [200, {}, ["opened"]] },
  "pid" => ->(_) { [200, {}, [Process.pid.to_s]] }
}.freeze

run ->(env) { FAULTS.fetch(env["PATH_INFO"].delete_prefix("/")).call(env) }
