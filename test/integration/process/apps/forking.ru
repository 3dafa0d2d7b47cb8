# frozen_string_literal: true

# Forks in the place that the path names, and lets the child return into the server.
require "delegate"

PLAIN = { "content-type" => "text/plain" }.freeze
FORK = -> { Process.detach(fork || (return nil)) }

# Forks when it is asked for text.
class Forking < SimpleDelegator
  def to_s = FORK.call.then { __getobj__.to_s }
  def to_str = to_s
end

# Forks when it is asked what is wrong, by the log and by the page for developers.
class Telling < StandardError
  def message = FORK.call.then { "told" }
end

# Forks in the one method it is told.
class Body
  def initialize(place)
    @place = place
  end

  def respond_to?(name, all = false) = %i[to_path to_ary].include?(name) ? name.to_s == @place : super

  def each
    yield "fi"
    FORK.call if @place == "each"
    yield "ne"
  end

  def close = (FORK.call if @place == "close")
  def to_path = FORK.call.then { __FILE__ }
  def to_ary = FORK.call.then { ["fine"] }
end

# A body with trailers.
class Trailing < Body
  def trailers = FORK.call.then { { "x-end" => "yes" } }
end

# Headers whose `each` forks.
class Headers < Hash
  def each(&block) = FORK.call.then { super }
end

CHILD = lambda do
  reader, writer = IO.pipe
  pid = fork do
    reader.close
    Hyperion.logger.info("a line of the child")
    service = Hyperion::EngineRunner.current
    service.last_call
    service.drain(for_good: true)
    drained = service.wait_drained(60)
    writer.write(drained ? "stopped, stats {}" : "not drained")
    exit!(0)
  end
  writer.close
  Process.wait(pid)
  reader.read
end

run(lambda do |env|
  place = env["PATH_INFO"].delete_prefix("/")
  case place
  when "call" then FORK.call
  when "error_message" then raise Telling
  when "early_hints" then env["rack.early_hints"].call({ "link" => "a" }) && FORK.call
  when "response_finished" then (env["rack.response_finished"] ||= []) << ->(*) { FORK.call }
  when "after_reply" then (env["rack.after_reply"] ||= []) << -> { FORK.call }
  when "log_extras" then env["hyperion.log_extras"] = { "x" => Forking.new("y") }
  when "trailers" then next [200, PLAIN, Trailing.new("trailers")]
  when "headers" then next [200, Headers.new.merge!(PLAIN), ["fine"]]
  when "status" then next [Forking.new("200"), PLAIN, ["fine"]]
  when "body_call" then next [200, PLAIN, ->(stream) { FORK.call && stream.write("fine") && stream.close }]
  when "each", "close", "to_path", "to_ary" then next [200, PLAIN, Body.new(place)]
  when "child" then next [200, PLAIN, [CHILD.call]]
  end
  [200, PLAIN, ["fine"]]
end)
