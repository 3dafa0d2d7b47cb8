# frozen_string_literal: true

# Two gRPC methods by hand: Echo answers with the message it gets, Many with a hundred of them.
class Grpc
  HEADERS = { "content-type" => "application/grpc" }.freeze
  MANY = 100

  # Some messages, and the status behind them.
  Answer = Struct.new(:message, :count) do
    def each = count.times { yield message }
    def trailers = { "grpc-status" => "0" }
  end

  def call(env)
    message = env["rack.input"].read
    [200, HEADERS.dup, Answer.new(message, env["PATH_INFO"] == "/bench.Echo/Many" ? MANY : 1)]
  end
end

run Grpc.new
