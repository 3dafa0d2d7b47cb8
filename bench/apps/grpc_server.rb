# frozen_string_literal: true

# The methods of grpc.ru served by Ruby's grpc: PORT THREADS.
require "grpc"

# Messages are bytes, as they are.
Raw = Struct.new(:bytes) do
  def self.dump(message) = message.bytes
  def self.load(bytes) = new(bytes)
end

class Echo
  include GRPC::GenericService

  self.marshal_class_method = :dump
  self.unmarshal_class_method = :load
  self.service_name = "bench.Echo"

  rpc :Echo, Raw, Raw
  rpc :Many, Raw, stream(Raw)

  MANY = 100

  def echo(message, _call) = message
  def many(message, _call) = Array.new(MANY) { message }.each
end

port, threads = ARGV
server = GRPC::RpcServer.new(pool_size: Integer(threads), max_waiting_requests: 10_000)
server.add_http2_port("127.0.0.1:#{port}", :this_port_is_insecure)
server.handle(Echo.new)
server.run_till_terminated_or_interrupted(%w[TERM INT])
