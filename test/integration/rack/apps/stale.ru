# frozen_string_literal: true

# Keeps what belongs to a request and uses it when that request is long over.
KEPT = {}
COUNTS = Hash.new(0)
LOCK = Mutex.new
GATE = Thread::Queue.new
Signal.trap(:WINCH) { Thread.new { GATE << true } }

# Says what came of it: the value, or the class of what was raised.
attempt = lambda do |&work|
  work.call.inspect
rescue StandardError => e
  e.class.ancestors.include?(IOError) ? "IOError" : e.class.name
end

keep = lambda do |name, object|
  LOCK.synchronize { KEPT[name] = object }
end

# One String for all pieces, as templates and compressors do it.
class Reused
  def each
    buffer = +""
    4.times { |i| yield buffer.replace("piece #{i};" * (i + 1)) }
    buffer.clear
  end
end

class InFibers
  def each
    pieces = Enumerator.new { |out| 3.times { |i| out << "fiber #{i};" } }
    3.times { yield pieces.next }
    Fiber.new { yield "inside;" }.resume
  end
end

TEXT = { "content-type" => "text/plain" }.freeze
ROUTES = {
  "/keep" => lambda do |env|
    keep.call(:env, env)
    keep.call(:input, env["rack.input"])
    keep.call(:hints, env["rack.early_hints"])
    keep.call(:hijack, env["rack.hijack"])
    [200, TEXT.dup, ["kept"]]
  end,
  "/keep-stream" => lambda do |_env|
    [200, TEXT.dup, ->(stream) { keep.call(:stream, stream) && stream.write("streamed") && stream.close }]
  end,
  "/read" => ->(_) { [200, TEXT.dup, [attempt.call { KEPT[:input].read(4) }]] },
  "/hint" => ->(_) { [200, TEXT.dup, [attempt.call { KEPT[:hints].call("link" => "</late>") && "called" }]] },
  "/hijack" => ->(_) { [200, TEXT.dup, [attempt.call { KEPT[:hijack].call.class.name }]] },
  "/write" => ->(_) { [200, TEXT.dup, [attempt.call { KEPT[:stream].write("late bytes") }]] },
  "/close" => ->(_) { [200, TEXT.dup, [attempt.call { 3.times { KEPT[:stream].close } }]] },
  "/path" => ->(_) { [200, TEXT.dup, [KEPT[:env]["PATH_INFO"]]] },
  "/reused" => ->(_) { [200, TEXT.dup, Reused.new] },
  "/fibers" => ->(_) { [200, TEXT.dup, InFibers.new] },
  "/wait" => ->(_) { GATE.pop && [200, TEXT.dup, ["waited"]] },
  "/count" => ->(env) { LOCK.synchronize { COUNTS[env["QUERY_STRING"]] += 1 } && [200, TEXT.dup, ["counted"]] },
  "/counts" => ->(env) { [200, TEXT.dup, [COUNTS[env["QUERY_STRING"]].to_s]] },
  "/collect" => lambda do |_env|
    GC.start
    GC.compact if GC.respond_to?(:compact)
    [200, TEXT.dup, ["collected"]]
  end,
}.freeze

run ->(env) { ROUTES.fetch(env["PATH_INFO"]).call(env) }
