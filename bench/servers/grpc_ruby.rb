# frozen_string_literal: true

module Bench
  # The server of Ruby's grpc, with as many threads as the others.
  class GrpcRuby < Server
    label "grpc-ruby"

    def missing = system("ruby", "-e", "require 'grpc'", %i[out err] => File::NULL) ? nil : "not installed: no grpc for Ruby"

    def excluded(kase)
      "speaks gRPC only" unless kase.app.path.end_with?("/grpc.ru")
    end

    def version = Machine.version("ruby", "-e", "require 'grpc'; puts GRPC::VERSION")

    def command(_kase, port) = ["ruby", "#{ROOT}/bench/apps/grpc_server.rb", port.to_s, @settings.threads.to_s]
  end
end
