# frozen_string_literal: true

require "fileutils"

module Bench
  # gRPC without TLS: calls of one small message each way, and calls that are answered with a hundred.
  class Grpc < Row
    label "grpc"
    about "What does a gRPC call cost, with one message as its answer and with a hundred?"

    IN_FLIGHT = 50
    CLIENTS = 1
    MESSAGE = [0, 16, "sixteen bytes..."].pack("CNa*").freeze
    FILE = "#{ROOT}/tmp/bench/grpc/message"
    HEADERS = { "content-type" => "application/grpc", "te" => "trailers" }.freeze
    MANY = 100
    CASES = { "unary" => ["/bench.Echo/Echo", 1], "#{MANY} messages" => ["/bench.Echo/Many", MANY] }.freeze

    def app = App.new(path: "#{ROOT}/bench/apps/grpc.ru", body: MESSAGE, headers: {})

    def cases
      FileUtils.mkdir_p(File.dirname(FILE))
      File.binwrite(FILE, MESSAGE)
      CASES.map do |name, (target, count)|
        at(CLIENTS, name: "#{name}, #{IN_FLIGHT} in flight", app: App.new(**app.to_h, target: target, body: MESSAGE * count))
      end
    end

    def servers = %w[hyperion hyperion-io_uring grpc-ruby]

    def peer = "grpc-ruby"

    # One call by curl, which tells the trailers with the headers.
    def try(kase, port, **)
      text = Tool.output("curl", "-s", "--max-time", SmokeTest::TIMEOUT_S.to_s, "--http2-prior-knowledge", *HEADERS.map { |pair| "-H#{pair.join(": ")}" },
        "--data-binary", "@#{FILE}", "-D", "-", "http://#{Server::HOST}:#{port}#{kase.app.target}").b
      raise Failure, "smoke test: not the messages expected" unless text.include?(kase.app.body.b)
      raise Failure, "smoke test: no grpc-status 0" unless text.match?(/grpc-status: 0\r$/n)
    end

    def load(kase, port, seconds)
      H2load.run(port: port, seconds: seconds, streams: IN_FLIGHT, clients: CLIENTS, tls: false,
        target: kase.app.target, body: FILE, headers: HEADERS)
    end
  end
end
