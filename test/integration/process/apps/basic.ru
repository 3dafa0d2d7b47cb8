# frozen_string_literal: true

# Small answers about the process, and requests that last as long as a test wants.
GATES = Hash.new { |hash, key| hash[key] = Thread::Queue.new }
LOCK = Mutex.new
TEXT = { "content-type" => "text/plain" }.freeze
AT = { "PATH" => __dir__ }.freeze

gate = ->(key) { LOCK.synchronize { GATES[key] } }
routes = {
  "/pid" => ->(_) { Process.pid.to_s },
  "/env" => ->(env) { ENV[env["QUERY_STRING"]].inspect },
  "/title" => ->(_) { $PROGRAM_NAME },
  "/wait" => ->(env) { gate.call(env["QUERY_STRING"]).pop && "waited" },
  "/open" => ->(env) { (gate.call(env["QUERY_STRING"]) << true) && "opened" },
  "/sleep" => ->(env) { sleep(Float(env["QUERY_STRING"])) && "slept" },
  "/spin" => ->(_) { loop { nil } },
  "/ppid" => ->(_) { Process.ppid.to_s },
  "/multi" => ->(env) { [env["rack.multithread"], env["rack.multiprocess"]].inspect },
  "/hooks" => ->(_) { (defined?(HOOKS) ? HOOKS : []).inspect }
}

run(lambda do |env|
  route = routes[env["PATH_INFO"]]
  route ? [200, TEXT.dup, [route.call(env)]] : [404, TEXT.dup, ["nothing at #{env["PATH_INFO"]}"]]
end)
