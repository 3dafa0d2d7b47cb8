# frozen_string_literal: true

module Bench
  # The server of Ruby's grpc, with as many threads as the others.
  class GrpcRuby < Server
    label "grpc-ruby"

    def missing = system("ruby", "-e", "require 'grpc'", %i[out err] => File::NULL) ? nil : "not installed: no grpc for Ruby"

    def command(_kase, port) = ["ruby", "#{ROOT}/bench/apps/grpc_server.rb", port.to_s, @settings.threads.to_s]
  end
end
