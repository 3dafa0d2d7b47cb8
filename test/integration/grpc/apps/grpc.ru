# frozen_string_literal: true

# gRPC for tests: messages are bytes, the last part of the path selects the method, and what happens inside
# is noted for `Note`.
require "json"

GATES = Hash.new { |gates, name| gates[name] = Queue.new }
LOCK = Mutex.new
NOTES = Queue.new
TEXT = { "content-type" => "text/plain" }.freeze

def gate(name) = LOCK.synchronize { GATES[name] }

class Failure < StandardError
  attr_reader :status, :trailers

  def initialize(status, message, trailers = {})
    super(message)
    @status = status
    @trailers = trailers
  end
end

# Messages of the request, as they arrive.
class Requests
  def initialize(input) = @input = input

  def take
    head = @input.read(5) or return
    compressed, length = head.unpack("CN")
    raise Failure.new(13, "cut off") if head.bytesize < 5
    raise Failure.new(12, "compressed") unless compressed.zero?
    raise Failure.new(8, "#{length} bytes are too much") if length > 8 * 1024 * 1024

    message = length.zero? ? "".b : @input.read(length).to_s
    message.bytesize == length ? message : raise(Failure.new(13, "cut off"))
  end

  def each
    while (message = take)
      yield message
    end
  end
end

class Reply
  def initialize(&call)
    @call = call
    @trailers = { "grpc-status" => "0" }
  end

  attr_reader :trailers

  def each
    @call.call(->(message) { yield [0, message.bytesize].pack("CN") + message.b }, @trailers)
  rescue Failure => e
    @trailers = { "grpc-status" => e.status.to_s, "grpc-message" => e.message.b.gsub(/[^ -$&-~]/n) { |byte| format("%%%02X", byte.ord) } }
    @trailers.merge!(e.trailers)
  end

  def close = NOTES << "closed"
end

# Notes by which error the client's leaving shows.
def until_it_leaves(name)
  NOTES << "begun #{name}"
  yield
  NOTES << "#{name} ended"
rescue IOError => e
  NOTES << "#{name} #{e.class}"
  raise
end

METHODS = {
  "Unary" => ->(requests, reply, *) { reply.call(requests.take) },
  "Fail" => lambda { |requests, *|
    requests.take
    raise Failure.new(5, "caf\u00e9 is 100% gone\n", "grpc-status-details-bin" => ["\x08\x05\x12\xff\x00".b].pack("m0").delete("="), "why-bin" => ["\x00\xfe".b].pack("m0"))
  },
  "Late" => ->(requests, reply, *) { reply.call(requests.take) && reply.call("more") && raise(Failure.new(9, "after two")) },
  "Raise" => ->(requests, reply, *) { reply.call(requests.take) && raise("secret of the app") },
  "Repeat" => ->(requests, reply, *) { requests.take.to_i.times { |i| reply.call("message #{i}") } },
  "Paced" => ->(requests, reply, *) { requests.take.to_i.times { |i| sleep(0.001) && reply.call("message #{i}") } },
  "Large" => ->(requests, reply, *) { reply.call("x" * requests.take.to_i) },
  "Collect" => ->(requests, reply, *) { reply.call([].tap { |all| requests.each { |one| all << one } }.join(",")) },
  "Chat" => ->(requests, reply, *) { requests.each { |message| reply.call("re: #{message}") } },
  # Asks, and reads the answer: the server speaks first.
  "Quiz" => ->(requests, reply, *) { 3.times { |i| reply.call("#{i}?") && requests.take == "#{i}!" or raise(Failure.new(3, "wrong")) } },
  "Steps" => ->(requests, reply, *) { requests.take.then { |name| reply.call("first") && gate(name).pop && reply.call("second") } },
  "Hold" => ->(requests, reply, *) { requests.take.then { |name| NOTES << "begun #{name}" && gate(name).pop && reply.call("held") } },
  "Open" => ->(requests, reply, *) { requests.take.then { |name| gate(name).push(true) && reply.call(name) } },
  "Write" => ->(requests, reply, *) { requests.take.then { |name| until_it_leaves(name) { loop { reply.call("x" * 8192) } } } },
  "Read" => ->(requests, reply, *) { requests.take.then { |name| reply.call("begun") && until_it_leaves(name) { requests.each { |_| nil } } } },
  # Believes whatever length it is told.
  "Naive" => ->(_, reply, _, env) { env["rack.input"].read(5).unpack1("@1N").then { |length| reply.call(env["rack.input"].read(length).to_s.bytesize.to_s) } },
  # Reads a byte whenever it is told to.
  "Sip" => ->(_, reply, _, env) { reply.call("sip") while gate("sip").pop && env["rack.input"].read(1) },
  # Leaves the reading to a thread, and does not wait for it.
  "Aside" => lambda { |_, reply, _, env|
    thread = Thread.new { env["rack.input"].read(1).then { NOTES << "read aside" } rescue NOTES << "aside #{$!.class} #{$!.message}" }
    Thread.pass until thread.stop?
    reply.call("answered")
  },
  "Note" => ->(_, reply, *) { reply.call(begin NOTES.pop(true) rescue "" end) },
  "Env" => ->(_, reply, _, env) { reply.call(JSON.generate(env.select { |key, value| value.is_a?(String) && key != "rack.input" }.transform_values { |value| value.dup.force_encoding("ISO-8859-1").encode("UTF-8") })) },
  # Metadata of the request comes back, in headers and in trailers.
  "Meta" => ->(requests, reply, trailers, env) { requests.take && trailers.merge!("got-bin" => env["HTTP_SENT_BIN"], "got" => env["HTTP_SENT"].to_s.split(/, ?/)) && reply.call("") }
}.freeze

Hyperion::Runtime.default.on_request_end do |request, env, response, error|
  Hyperion.logger.info("hook", path: request.path, rack: !env.nil?, status: response&.first, error: error&.message) if ENV["HOOK"]
end

run(lambda do |env|
  name = env["PATH_INFO"][%r{\A/test\.Test/(\w+)\z}, 1]
  next [200, TEXT.dup, ["no call"]] unless env["CONTENT_TYPE"].to_s.start_with?("application/grpc")
  next [200, { "content-type" => "application/grpc", "grpc-status" => "12", "grpc-message" => "no #{name}" }, []] unless METHODS.key?(name)

  requests = Requests.new(env["rack.input"])
  headers = { "content-type" => "application/grpc" }
  headers["initial-bin"] = env["HTTP_SENT_BIN"] if env["HTTP_SENT_BIN"]
  [200, headers, Reply.new { |reply, trailers| METHODS.fetch(name).call(requests, reply, trailers, env) }]
end)
