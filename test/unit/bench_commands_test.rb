# frozen_string_literal: true

require "minitest/autorun"
require "etc"
require "socket"
require "tempfile"
require_relative "../../bench/bench"

module BenchTest
  # Servers of others are run as their authors run them; none of them needs to be here for that.
  class BenchCommandsTest < Minitest::Test
    PROGRAM = "/bin/true"

    # What is behind the program; FILE is one that the bench writes.
    ARGUMENTS = {
      "agoo" => "-s FILE",
      "falcon" => "serve --bind http://127.0.0.1:4711 --forked --count #{Etc.nprocessors} --config APP",
      "iodine" => "-b 127.0.0.1 -p 4711 -t 3 -w 1 APP",
      "itsi" => "--bind http://127.0.0.1:4711 --workers 1 --threads 3 --rackup_file APP",
      "kino" => "--bind 127.0.0.1 --port 4711 --workers 3 --threads 1 --mode auto APP",
      "pitchfork" => "-E production -l 127.0.0.1:4711 -c FILE APP",
      "puma" => "--no-config -b tcp://127.0.0.1:4711 -t 3:3 -w 0 --quiet APP",
      "raptor" => "--bind tcp://127.0.0.1:4711 --workers 1 --threads 3 --environment production --stats-file #{Bench::ROOT}/tmp/bench/raptor/4711.json APP",
      "unicorn" => "-E production -l 127.0.0.1:4711 -c FILE APP"
    }.freeze

    ARGUMENTS.each do |name, expected|
      define_method("test_the_command_of_#{name}") do
        program, *arguments = command(name)
        assert_equal PROGRAM, program
        shown = arguments.map { |word| word == hello.app.path ? "APP" : word.sub(%r{\A#{Dir.tmpdir}/bench-.*\.rb\z}, "FILE") }
        assert_equal expected, shown.join(" ")
      end
    end

    def test_files_of_servers_hold_what_a_command_line_cannot
      written = ->(name) { File.read(command(name).grep(/bench-/).first) }
      assert_match(/thread_count: 3, worker_count: 1\)$/, written.("agoo"))
      assert_includes written.("agoo"), hello.app.path.inspect
      assert system(RbConfig.ruby, "-c", command("agoo").last, out: File::NULL)
      %w[pitchfork unicorn].each { |name| assert_match(/^worker_processes 3$/, written.(name)) }
    end

    def test_a_log_is_asked_for_where_there_is_a_switch
      puma, raptor = %w[puma raptor].map { |name| command(name, kase: logged).join(" ") }
      assert_includes puma, "--log-requests"
      assert_includes raptor, "--access-log-file /dev/stdout"
      cells = %w[puma kino].map { |name| Bench::Cell.new(hello, logged, contender(name)) }
      assert_equal [nil, "has no switch for its access log"], cells.map { |cell| cell.skipped? ? cell.reason : nil }
    end

    def test_a_server_that_is_not_here_is_a_line
      with_empty_path do
        ARGUMENTS.each_key do |name|
          cell = Bench::Cell.new(hello, hello.cases.first, server(name).new(Bench::Settings.new([])))
          assert cell.skipped?
          assert_match(/\Anot installed: no #{name} on PATH/, cell.reason)
        end
      end
    end

    def test_a_first_connection_that_is_reset_is_not_the_answer
      listener = TCPServer.new(Bench::Server::HOST, 0)
      server = Thread.new do
        reset(listener.accept)
        serve(listener.accept, 2)
      end
      Bench::SmokeTest.new(hello.app).run(listener.addr[1])
      server.join
    ensure
      listener.close
    end

    def test_a_server_that_resets_every_connection_fails
      listener = TCPServer.new(Bench::Server::HOST, 0)
      server = Thread.new { Bench::SmokeTest::FIRST_CONNECTIONS.times { reset(listener.accept) } }
      assert_match(/ECONNRESET/, assert_raises(Bench::Failure) { Bench::SmokeTest.new(hello.app).run(listener.addr[1]) }.message)
      server.join
    ensure
      listener.close
    end

    def test_a_rails_app_is_made_once_in_a_process
      skip "Rails is not installed, or what it needs" if %w[railties nokogiri].any? { |name| Gem::Specification.find_all_by_name(name).empty? }
      code = "require 'rack'; 2.times { Rack::Builder.parse_file(#{Bench::RailsRow::PATH.inspect}) }; puts 'loaded'"
      assert_equal "loaded\n", IO.popen([{ "RACK_ENV" => "production" }, RbConfig.ruby, "-e", code, err: %i[child out]], &:read)
    end

    private

    def hello = Bench::Hello.new(Bench::Settings.new([]))

    def logged = hello.cases.first.dup.tap { |kase| kase.log = true }

    def server(name) = Bench::Server.labelled.find { |server| server.label == name }

    # Kept, as the files of a server are removed with it.
    def contender(name)
      (@contenders ||= {})[name] ||= server(name).new(Bench::Settings.new(["--path", "#{name}=#{PROGRAM}", "--threads", "3"]))
    end

    def command(name, kase: hello.cases.first) = contender(name).command(kase, 4711)

    def with_empty_path
      former = ENV.fetch("PATH")
      ENV["PATH"] = Dir.mktmpdir
      yield
    ensure
      Dir.rmdir(ENV["PATH"])
      ENV["PATH"] = former
    end

    # Without the option a close is an end instead of a reset.
    def reset(client)
      client.gets("\r\n\r\n")
      client.setsockopt(Socket::SOL_SOCKET, Socket::SO_LINGER, [1, 0].pack("ii"))
      client.close
    end

    def serve(client, times)
      app = hello.app
      head = ["HTTP/1.1 200 OK", *app.headers.map { |field| field.join(": ") }].join("\r\n")
      times.times do
        client.gets("\r\n\r\n")
        client.write("#{head}\r\n\r\n#{app.body}")
      end
      client.close
    end
  end
end
