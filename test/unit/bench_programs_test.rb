# frozen_string_literal: true

require "minitest/autorun"
require "open3"
require "rbconfig"
require "socket"
require "tmpdir"
require_relative "../../bench/bench"

module BenchTest
  # The load generator and the floor, compiled and run, and an interrupted sweep.
  class BenchProgramsTest < Minitest::Test
    ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    # Serves each connection by a thread: one byte of what the block returns for a request, then the rest.
    def serving
      server = TCPServer.new(Bench::Server::HOST, 0)
      threads = [Thread.new { loop { threads << Thread.new(server.accept) { |client| converse(client) { yield } } } }]
      @port = server.addr[1]
    ensure
      (@closing ||= []) << -> { threads.each(&:kill) && server.close }
    end

    def converse(client)
      client.setsockopt(:TCP, :NODELAY, true)
      while client.gets("\r\n\r\n")
        answer = yield
        client.write(answer[0])
        client.flush
        client.write(answer[1..])
      end
    rescue SystemCallError
      nil
    end

    def teardown = @closing&.each(&:call)

    def load(**options) = Bench::LoadGenerator.run(port: @port, seconds: 1, **options)

    def test_a_closed_loop_counts_the_responses_of_each_connection
      serving { ANSWER }
      result = load(connections: 3)
      assert_equal 3, result[:per_connection].size
      assert_equal result[:requests], result[:per_connection].sum
      assert_operator result[:per_connection].min, :>, 0
      assert_equal [0, 0], result.values_at(:errors, :reconnects)
    end

    def test_an_open_loop_sends_what_was_due_and_spreads_it
      serving { ANSWER }
      result = load(connections: 4, rate: 200)
      assert_equal [200, 0, 0], result.values_at(:requests, :errors, :unanswered)
      result[:per_connection].each { |count| assert_in_delta 50, count, 15 }
    end

    def test_an_open_loop_charges_a_stall_for_all_that_was_due_meanwhile
      stalls = Queue.new([0.6]).close
      serving { sleep(stalls.pop || 0) && ANSWER }
      result = load(connections: 1, rate: 100)
      assert_equal 100, result[:requests]
      assert_operator result[:max_us], :>=, 600_000
      assert_operator result[:p50_us], :>=, 50_000
    end

    def test_answers_of_another_status_and_closed_connections_are_errors
      serving { "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" }
      result = load(connections: 2, rate: 20)
      assert_equal [0, 20], result.values_at(:requests, :errors)
    end

    def test_a_connection_that_the_server_announces_to_close_is_opened_again
      serving { ANSWER.sub("Content", "Connection: close\r\nContent") }
      result = load(connections: 2, rate: 20)
      assert_equal [20, 0, 20], result.values_at(:requests, :errors, :reconnects)
    end

    def test_without_a_server_it_fails
      @port = Bench::ServerProcess.free_port
      assert_match(/connect/, assert_raises(Bench::Failure) { load(connections: 1) }.message)
    end

    def test_the_floor_passes_the_smoke_test
      kase = Bench::Row.named("hello").new(Bench::Settings.new([])).cases.first
      process = Bench::Server.named("floor-epoll").new(Bench::Settings.new([])).boot(kase)
      Bench::SmokeTest.new(kase.app).run(process.port)
      assert_equal [process.pid], Bench::ProcessTree.new(process.pid).pids
    ensure
      process&.stop
    end

    def command_of(pid)
      File.read("/proc/#{pid}/cmdline")
    rescue Errno::ENOENT, Errno::ESRCH
      nil
    end

    # Once there are some: between two runs there may be none.
    def descendants(pid)
      tree = Bench::ProcessTree.new(pid)
      loop do
        found = tree.pids - [pid]
        return found if found.any?
      end
    end

    # The generator of a closed loop over wrk, which another test may not have: the row starvation.
    def test_an_interrupted_sweep_keeps_what_it_has_and_leaves_no_process
      Dir.mktmpdir do |folder|
        arguments = %W[starvation --servers floor-epoll --seconds 1 --runs 50 --connections 2 --out #{folder}]
        Open3.popen3(RbConfig.ruby, "#{Bench::ROOT}/bench/bench.rb", *arguments) do |_, output, progress, child|
          assert_match(/run 1: [\d,]+ r.s/, progress.gets)
          servers = descendants(child.pid)
          Process.kill(:TERM, child.pid)
          assert_match(/interrupted/, progress.read)
          assert_equal Bench::Command::STOPPED, child.value.exitstatus
          assert_match(/^\| 2 connections \| floor-epoll \| [\d,]+ /, output.read)
          assert_includes File.read("#{folder}/report.md"), "floor-epoll"
          assert_empty servers.filter_map { |pid| command_of(pid) }
        end
      end
    end
  end
end
