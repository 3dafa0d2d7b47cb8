# frozen_string_literal: true

require "base64"
require_relative "../http2/http2_case"

module HyperionTest
  # A test case about gRPC, with Google's clients for Python and for Ruby, over h2c and over TLS.
  class GrpcCase < Http2Case
    GRPC_APP = "test/integration/grpc/apps/grpc.ru"
    PYTHON = "/usr/bin/python3"
    CLIENTS = { "python" => [PYTHON, "#{__dir__}/grpc_client.py"], "ruby" => [RbConfig.ruby, "#{__dir__}/grpc_client.rb"] }.freeze
    PROBES = { "python" => [PYTHON, "-c", "import grpc"], "ruby" => [RbConfig.ruby, "-e", 'require "grpc"'] }.freeze

    speak GRPC_APP, "-t", "3"

    def self.client?(name) = (@@clients ||= {}).fetch(name) { @@clients[name] = system(*PROBES[name], err: File::NULL) }

    # Runs a scenario.
    # @return [Object] what it printed, from JSON
    def call(client, scenario, to: server, secure: false)
      skip "no gRPC for #{client} is installed" unless GrpcCase.client?(client)
      target = secure ? ["localhost:#{secure_port(to)}", CA.root_path] : ["127.0.0.1:#{to.port}"]
      output, errors, status = Open3.capture3("timeout", "100", *CLIENTS.fetch(client), scenario, *target)
      assert status.success?, "#{client} #{scenario}: #{errors[-2000..] || errors}\n#{to.log[-1500..]}"
      JSON.parse(output.lines.last, quirks_mode: true)
    end

    # Runs a scenario by each client, over h2c and over TLS.
    # @yield [Object] what it printed
    def everywhere(scenario, clients: CLIENTS.keys, **where)
      clients.product([false, true]).each do |client, secure|
        yield call(client, scenario, secure: secure, **where), "#{client}#{" over TLS" if secure}"
      end
    end

    # A message as it stands on the wire.
    def framed(bytes, length: bytes.bytesize, compressed: 0) = [compressed, length].pack("CN") + bytes.b

    GRPC = { "content-type" => "application/grpc", "te" => "trailers" }.freeze

    # One call by frames of python's h2.
    def raw_call(client, name, body, headers = {}) = client.fetch("POST", "/test.Test/#{name}", GRPC.merge(headers), body: body)
  end
end
