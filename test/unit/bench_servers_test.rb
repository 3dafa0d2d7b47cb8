# frozen_string_literal: true

require "minitest/autorun"
require "socket"
require "tempfile"
require_relative "../../bench/bench"

module BenchTest
  # Every server of the bench is one that boots and answers rightly, or a line that says why not.
  class BenchServersTest < Minitest::Test
    SETTINGS = Bench::Settings.new(%w[--threads 2])

    # The row in which a server is asked that does not say hello.
    ROWS = { "grpc-ruby" => "grpc", "floor-io_uring" => "native" }.freeze

    Bench::Server.labelled.each do |server|
      define_method("test_#{server.label}_answers_or_says_why_not") do
        contender = server.new(SETTINGS)
        next assert_match(/not installed|not built|no grpc/, contender.missing) if contender.missing
        next assert_operator(contender.measure(brief, brief.cases.first)[:requests], :>, 0) if server == Bench::FloorRuby

        answer(contender, Bench::Row.named(ROWS.fetch(server.label, "hello")).new(SETTINGS))
      end
    end

    def brief = Bench::Hello.new(Bench::Settings.new(%w[--seconds 1]))

    # @raise [Bench::Failure] when it does not
    def answer(contender, row)
      kase = row.cases.first
      assert_nil contender.excluded(kase)
      process = contender.boot(kase)
      row.try(kase, process.port, closes: contender.closes?)
      contender.inspect_process(process)
      refute_empty contender.version unless contender.floor?
    ensure
      process&.stop
    end

    def test_a_program_is_the_one_that_is_named
      program = Tempfile.new("falcon")
      File.chmod(0o755, program.path)
      settings = Bench::Settings.new(["--path", "falcon=#{program.path}", "--threads", "3"])
      command = Bench::Falcon.new(settings).command(Bench::Hello.new(settings).cases.first, 4711)
      assert_equal program.path, command.first
      assert_includes command.join(" "), "4711"
      assert_nil Bench::Falcon.new(settings).missing
    end

    def test_a_program_that_is_not_there_is_told
      { "falcon=/no/such" => /no program there/, "falcon" => /NAME=PATH/, "apache=/bin/true" => /known are .*falcon/ }.each do |text, message|
        assert_match message, assert_raises(Bench::Failure) { Bench::Settings.new(["--path", text]) }.message
      end
    end

    def test_servers_that_cannot_give_the_answer_take_no_part
      nginx, grpc, native = [Bench::Nginx, Bench::GrpcRuby, Bench::HyperionHandleStatic].map { |server| server.new(SETTINGS) }
      hello, json, files = [Bench::Hello, Bench::Json, Bench::Files].map { |row| row.new(SETTINGS).cases.first }
      assert_equal [true, false, true], [hello, json, files].map { |kase| nginx.excluded(kase).nil? }
      assert_equal [true, false, false], [hello, json, files].map { |kase| native.excluded(kase).nil? }
      assert_match(/gRPC/, grpc.excluded(hello))
      assert_match(%r{HTTP/2}, Bench::Puma.new(SETTINGS).excluded(Bench::H2.new(SETTINGS).cases.first))
    end

    def test_a_body_is_posted_as_the_row_says
      { Bench::Post => /^content-length: 200\r$/i, Bench::Chunked => /^transfer-encoding: chunked\r$/i }.each do |row, framing|
        app = row.new(SETTINGS).app
        head = request_of(app)
        assert_match(/\APOST /, head)
        assert_match framing, head
      end
    end

    # @return [String] the head of what the smoke test asks
    def request_of(app)
      server = TCPServer.new(Bench::Server::HOST, 0)
      head = Thread.new { server.accept.then { |client| client.gets("\r\n\r\n").tap { [server, client].each(&:close) } } }
      assert_raises(Bench::Failure) { Bench::SmokeTest.new(app).run(server.addr[1]) }
      head.value
    ensure
      server.close
    end
  end
end
