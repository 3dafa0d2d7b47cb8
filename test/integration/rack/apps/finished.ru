# frozen_string_literal: true

# On which thread the application was called, and on which the end of its response was told, and when.
ENDS = Thread::Queue.new
CLOSED = Thread::Queue.new
OPEN = Thread::Queue.new
TELL = ->(name, thread) { -> { ENDS << [name, Thread.current.equal?(thread)] } }

# More than sockets hold, and a callback that is registered while it is on its way.
class Late
  def initialize(env) = @env = env

  def each
    yield "begun"
    yield "x" * 16_000_000
  ensure
    @env["rack.after_reply"] << TELL.call("late", Thread.current)
  end

  def close = CLOSED << true
end

run(lambda do |env|
  thread = Thread.current
  case env["PATH_INFO"]
  when "/ends" then [200, {}, [Marshal.dump(Array.new(ENDS.size) { ENDS.pop })]]
  when "/closed" then [200, {}, [CLOSED.pop.to_s]]
  when "/late" then [200, {}, Late.new(env)]
  when "/open"
    env["rack.response_finished"] << ->(_, _, _, error) { warn "the end: #{error.class}" }
    [200, {}, ->(stream) { OPEN << stream.tap { stream.write("begun") } }]
  when "/hang" then warn("hangs") || sleep
  else
    env["rack.response_finished"] << ->(*) { TELL.call("finished", thread).call }
    env["rack.response_finished"] << ->(*) { thread.kill } if env["PATH_INFO"] == "/kill"
    env["rack.after_reply"] << TELL.call("reply", thread)
    [200, {}, ["hello"]]
  end
end)
