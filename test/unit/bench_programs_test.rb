# frozen_string_literal: true

require "minitest/autorun"
require "open3"
require "rbconfig"
require "socket"
require "tmpdir"
require_relative "../../bench/bench"

module BenchTest
  # The load generator and the floor, built and run, and an interrupted sweep.
  class BenchProgramsTest < Minitest::Test
    ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    QUIETLY = "Closes: quietly"

    # Serves each connection by a thread: one byte of what the block returns for a request, then the rest.
    # A connection ends behind an answer that does not tell where it ends, and behind one that says QUIETLY.
    def serving
      server = TCPServer.new(Bench::Server::HOST, 0)
      @conversations = []
      threads = [Thread.new { loop { threads << Thread.new(server.accept) { |client| converse(client) { yield } } } }]
      @port = server.addr[1]
    ensure
      (@closing ||= []) << -> { threads.each(&:kill) && server.close }
    end

    def converse(client)
      client.setsockopt(:TCP, :NODELAY, true)
      @conversations << requests = []
      while (request = read(client))
        requests << request
        answer = yield
        client.write(answer[0])
        client.flush
        client.write(answer[1..])
        break if answer.include?(QUIETLY) || !answer.match?(/content-length|chunked/i)
      end
    rescue SystemCallError
      nil
    ensure
      client.close
    end

    # @return [String, nil] a request as it came, with its body
    def read(client)
      head = client.gets("\r\n\r\n")&.b
      return unless head

      head + (head.match?(/^transfer-encoding: chunked/i) ? client.gets("0\r\n\r\n") : client.read(head[/^content-length: (\d+)/i, 1].to_i)).b
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

    def test_a_connection_that_the_server_closes_between_requests_is_opened_again
      serving { ANSWER.sub("Content", "#{QUIETLY}\r\nContent") }
      result = load(connections: 1, rate: 4)
      assert_equal [4, 0], result.values_at(:requests, :errors)
      assert_includes 3..4, result[:reconnects]
    end

    def test_bodies_in_chunks_and_bodies_that_end_with_the_connection_are_read
      serving { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n" }
      assert_equal [20, 0, 0], load(connections: 2, rate: 20).values_at(:requests, :errors, :reconnects)
      serving { "HTTP/1.0 200 OK\r\n\r\nhello" }
      assert_equal [20, 0, 20], load(connections: 2, rate: 20).values_at(:requests, :errors, :reconnects)
    end

    def test_kinds_of_requests_keep_their_weights_and_are_spread
      serving { ANSWER }
      result = load(connections: 1, rate: 40, requests: [{ target: "/often", weight: 3 }, { target: "/rare", weight: 1 }])
      assert_equal [30, 10], result[:kinds].map { |kind| kind[:requests] }
      result[:kinds].each { |kind| assert_operator kind[:p50_us], :<=, kind[:max_us] }
      assert_equal result[:max_us], result[:kinds].map { |kind| kind[:max_us] }.max
      targets = @conversations.flatten.map { |request| request[/\S+(?= HTTP)/] }
      assert_equal [%w[/often /often /rare /often]], targets.each_slice(4).to_a.uniq
    end

    def test_bodies_arrive_as_they_were_given
      serving { ANSWER }
      form = { target: "/form", method: "POST", headers: { "content-type" => "a/b" }, body: "a\0\xFF\r\n" }
      load(connections: 1, rate: 2, requests: [form, { target: "/chunks", method: "PUT", body: "\xE9bcde", chunk: 4 }])
      host = "Host: 127.0.0.1:#{@port}\r\n"
      assert_equal [["POST /form HTTP/1.1\r\n#{host}content-type: a/b\r\nContent-Length: 5\r\n\r\na\0\xFF\r\n".b,
                     "PUT /chunks HTTP/1.1\r\n#{host}Transfer-Encoding: chunked\r\n\r\n4\r\n\xE9bcd\r\n1\r\ne\r\n0\r\n\r\n".b]], @conversations
    end

    def test_a_body_that_no_socket_takes_at_once_leaves_in_parts
      serving { ANSWER }
      body = Random.new(1).bytes(8 * 1024 * 1024)
      result = load(connections: 1, rate: 2, requests: [{ target: "/", method: "POST", body: body }])
      assert_equal [2, 0, 0], result.values_at(:requests, :errors, :reconnects)
      @conversations.flatten.each { |request| assert request.end_with?("\r\n\r\n#{body}".b), "another body" }
    end

    def test_connections_end_behind_so_many_requests
      serving { ANSWER }
      result = load(connections: 1, rate: 20, per_connection: 5)
      assert_equal [20, 0, 4], result.values_at(:requests, :errors, :reconnects)
      assert_equal [[false] * 4 + [true]], @conversations.reject(&:empty?).map { |all| all.map { |request| request.include?("Connection: close") } }.uniq
    end

    def test_the_histogram_leads_from_the_quickest_to_the_slowest
      serving { ANSWER }
      result = load(connections: 2, rate: 50)
      quantiles, latencies = result[:histogram].transpose
      assert_equal [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1], quantiles
      assert_equal latencies.sort, latencies
      assert_equal result.values_at(:p50_us, :p90_us, :p99_us, :p999_us, :max_us), result[:histogram].to_h.values_at(0.5, 0.9, 0.99, 0.999, 1.0)
      assert_equal [result[:histogram]], result[:kinds].map { |kind| kind[:histogram] }
    end

    def test_without_a_server_it_fails
      @port = Bench::ServerProcess.free_port
      assert_match(/connect/, assert_raises(Bench::Failure) { load(connections: 1) }.message)
    end

    def test_the_floor_passes_the_smoke_test
      kase = Bench::Row.named("hello").new(Bench::Settings.new([])).cases.first
      process = Bench::Server.named("floor-epoll").new(Bench::Settings.new([])).boot(kase)
      Bench::SmokeTest.new(kase.app).run(process.port)
      assert_equal [process.pid], process.tree.pids
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
