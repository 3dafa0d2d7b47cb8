# frozen_string_literal: true

# The same as grpc_client.py, by Google's library for Ruby.
#
#     grpc_client.rb SCENARIO HOST:PORT [CA.pem]
require "grpc"
require "json"

TIMEOUT_S = 20
LIMIT = 32 * 1024 * 1024
BYTES = ->(bytes) { bytes }

# A channel of its own.
class Calls
  def initialize(target, certificate)
    credentials = certificate ? GRPC::Core::ChannelCredentials.new(File.read(certificate)) : :this_channel_is_insecure
    options = { "grpc.max_receive_message_length" => LIMIT, "grpc.max_send_message_length" => LIMIT, "grpc.use_local_subchannel_pool" => 1 }
    @stub = GRPC::ClientStub.new(target, credentials, channel_args: options)
  end

  def unary(name, message, **rest) = @stub.request_response(path(name), message, BYTES, BYTES, **defaults(rest))
  def server_stream(name, message, **rest, &block) = @stub.server_streamer(path(name), message, BYTES, BYTES, **defaults(rest), &block)
  def client_stream(name, messages, **rest) = @stub.client_streamer(path(name), messages, BYTES, BYTES, **defaults(rest))
  def bidi(name, messages, **rest) = @stub.bidi_streamer(path(name), messages, BYTES, BYTES, **defaults(rest))

  private

  def path(name) = "/test.Test/#{name}"
  def defaults(rest) = { deadline: Time.now + TIMEOUT_S }.merge(rest)
end

def failing
  yield
  "it succeeded"
rescue GRPC::BadStatus => e
  { "code" => GRPC::Core::StatusCodes.constants.find { |name| GRPC::Core::StatusCodes.const_get(name) == e.code }.to_s,
    "details" => e.details, "trailers" => e.metadata.transform_values { |value| shown(value) } }
end

# Binary metadata as base64.
def shown(value) = value.is_a?(String) && (value.encoding == Encoding::BINARY && !value.ascii_only?) ? [value].pack("m0") : value

def await_note(other, wanted)
  20_000.times { return wanted if other.unary("Note", "") == wanted }
  abort "never noted #{wanted}"
end

# Messages as they are pushed, until nil.
def messages(*first)
  queue = Queue.new
  first.each { |message| queue << message }
  [queue, Enumerator.new { |out| while (message = queue.pop) do out << message end }]
end

# How many of the numbers came back.
def answer_each(calls, numbers)
  count = 0
  while (number = numbers.pop)
    count += 1 if calls.unary("Unary", number) == number
  end
  count
end

SCENARIOS = {
  "unary" => ->(calls, _) { [calls.unary("Unary", "hello"), calls.unary("Unary", ""), calls.unary("Unary", (0..255).to_a.pack("C*") * 10).bytesize] },
  "errors" => lambda { |calls, _|
    seen = []
    { "fail" => failing { calls.unary("Fail", "x") }, "late" => failing { calls.server_stream("Late", "one").each { |message| seen << message } }, "seen" => seen }
  },
  "raised" => ->(calls, _) { failing { calls.unary("Raise", "x") } },
  "trailers_only" => ->(calls, _) { failing { calls.unary("Missing", "x") } },
  "environment" => ->(calls, _) { JSON.parse(calls.unary("Env", "x")) },
  "large" => lambda { |calls, _|
    bytes = "0123456789abcdef" * (256 * 1024)
    [calls.unary("Unary", bytes).then { |echoed| [echoed.bytesize, echoed == bytes] }, calls.unary("Large", "4194304").bytesize].flatten
  },
  "server_stream" => lambda { |calls, other|
    stream = calls.server_stream("Steps", "gate")
    seen = [stream.next]
    other.unary("Open", "gate")
    loop { seen << stream.next }
    seen
  },
  "many_messages" => ->(calls, _) { calls.server_stream("Repeat", "1000").count },
  "client_stream" => ->(calls, _) { calls.client_stream("Collect", ["a", "", "c" * 70_000])[0, 6] },
  "bidi" => lambda { |calls, _|
    asked, asking = messages("0")
    seen = []
    calls.bidi("Chat", asking).each do |message|
      seen << message
      asked << (seen.size < 50 ? seen.size.to_s : nil)
    end
    [seen.first, seen.last, seen.size, []]
  },
  "cancel" => lambda { |calls, other|
    call = calls.server_stream("Write", "writer", return_op: true)
    stream = call.execute
    stream.next
    call.cancel
    [failing { loop { stream.next } }["code"], await_note(other, "writer Hyperion::ClientDisconnected"), calls.unary("Unary", "next")]
  },
  # Behind a first call, so that the deadline is the call's alone and not the handshake's too.
  "deadline_of_a_writer" => lambda { |calls, other|
    calls.unary("Unary", "first")
    code = failing { calls.server_stream("Write", "writer", deadline: Time.now + 0.5).each { |_| nil } }["code"]
    [code, await_note(other, "writer Hyperion::ClientDisconnected"), other.unary("Unary", "next")]
  },
  "thousand" => lambda { |calls, _|
    numbers = Queue.new((0...1000).map(&:to_s)).close
    Array.new(50) { Thread.new { answer_each(calls, numbers) } }.sum(&:value)
  }
}.freeze

name, target, certificate = ARGV
puts JSON.generate(SCENARIOS.fetch(name).call(Calls.new(target, certificate), Calls.new(target, certificate)))
