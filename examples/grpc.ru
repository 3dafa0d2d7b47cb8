# frozen_string_literal: true

# gRPC without generated code: a message is a length and so many bytes, the status comes in trailers.
# Any gRPC client can call it, with its messages taken as bytes:
#   /example.Echo/Unary    one in, one out        /example.Echo/Collect  many in, one out
#   /example.Echo/Repeat   one in, three out      /example.Echo/Chat     many in, as many out
module Grpc
  OK = 0
  INTERNAL = 13
  UNIMPLEMENTED = 12
  RESOURCE_EXHAUSTED = 8
  LONGEST = 4 * 1024 * 1024

  # Ends a call with a status other than OK.
  class Failure < StandardError
    attr_reader :code

    def initialize(code, message)
      super(message)
      @code = code
    end
  end

  # The messages of a request, one after the other, as they arrive.
  class Messages
    include Enumerable

    def initialize(input) = @input = input

    def each
      while (message = take)
        yield message
      end
    end

    # The next message, or nil behind the last.
    def take
      head = @input.read(5) or return
      compressed, length = head.unpack("CN")
      raise Failure.new(INTERNAL, "the message is cut off") unless length
      raise Failure.new(UNIMPLEMENTED, "compressed messages are not understood") unless compressed.zero?
      raise Failure.new(RESOURCE_EXHAUSTED, "#{length} bytes are too much") if length > LONGEST

      body(length)
    end

    private

    def body(length)
      return "".b if length.zero?

      bytes = @input.read(length)
      bytes&.bytesize == length ? bytes : raise(Failure.new(INTERNAL, "the message is cut off"))
    end
  end

  # The body of a response: the messages that the block gives, each sent at once, and the status.
  class Reply
    def initialize(&call)
      @call = call
      @status = { "grpc-status" => OK.to_s }
    end

    def each
      @call.call(->(message) { yield [0, message.bytesize].pack("CN") + message.b })
    rescue Failure => e
      @status = { "grpc-status" => e.code.to_s, "grpc-message" => escape(e.message) }
    end

    def trailers = @status

    private

    # All but printable ASCII becomes %XX; the percent sign, too.
    def escape(text) = text.b.gsub(/[^ -$&-~]/n) { |byte| format("%%%02X", byte.ord) }
  end
end

METHODS = {
  "/example.Echo/Unary" => ->(requests, reply) { reply.call(requests.take) },
  "/example.Echo/Repeat" => ->(requests, reply) { requests.take.then { |message| 3.times { reply.call(message) } } },
  "/example.Echo/Collect" => ->(requests, reply) { reply.call(requests.to_a.join) },
  "/example.Echo/Chat" => ->(requests, reply) { requests.each { |message| reply.call(message) } }
}.freeze

run(lambda do |env|
  next [415, {}, []] unless env["CONTENT_TYPE"].to_s.start_with?("application/grpc")

  headers = { "content-type" => "application/grpc" }
  method = METHODS[env["PATH_INFO"]]
  # Without a body, the status is in the headers.
  next [200, headers.merge("grpc-status" => Grpc::UNIMPLEMENTED.to_s), []] unless method

  requests = Grpc::Messages.new(env["rack.input"])
  [200, headers, Grpc::Reply.new { |reply| method.call(requests, reply) }]
end)
