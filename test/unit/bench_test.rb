# frozen_string_literal: true

require "minitest/autorun"
require "rbconfig"
require "socket"
require "stringio"
require "tmpdir"
require_relative "../../bench/bench"

module BenchTest
  # What the fakes below have done, in order.
  JOURNEY = []

  class FakeRow < Bench::Row
    label "fake-row"
  end

  # Tells a fixed result and that it was asked.
  class FakeServer < Bench::Server
    def measure(_row, kase)
      JOURNEY << [label, kase.connections]
      { requests: 1000, seconds: 2.0, errors: 0, cpu_user_s: 0.5, cpu_sys_s: 0.25, p99_us: 1500.0, memory_kib: 2048 }
    end
  end

  class FirstFake < FakeServer
    label "fake-a"
  end

  class SecondFake < FakeServer
    label "fake-b"
  end

  class BrokenFake < FakeServer
    label "fake-broken"

    def measure(*) = raise(Bench::Failure, "smoke test: status is 500")
  end

  class AbsentFake < FakeServer
    label "fake-absent"

    def missing = "not installed"
  end

  # Boots, and answers something that the app never said.
  class LyingFake < Bench::Server
    label "fake-liar"

    LIAR = <<~RUBY
      require "socket"
      server = TCPServer.new("127.0.0.1", Integer(ARGV[0]))
      loop do
        client = server.accept
        client.write("HTTP/1.1 200 OK\\r\\ncontent-type: text/plain\\r\\ncontent-length: 3\\r\\n\\r\\nlie") if client.gets
      end
    RUBY

    attr_reader :booted

    def command(_kase, port) = [RbConfig.ruby, "-e", LIAR, port.to_s]

    def boot(kase) = super.tap { |process| @booted = process.pid }
  end

  def self.settings(*arguments) = Bench::Settings.new(arguments)

  class StatisticsTest < Minitest::Test
    def test_the_median_is_the_middle_or_between_the_two_in_the_middle
      assert_equal 3, Bench::Statistics.median([9, 1, 3])
      assert_equal 2.5, Bench::Statistics.median([4, 1, 2, 3])
      assert_nil Bench::Statistics.median([])
    end

    def test_the_spread_is_a_share_of_the_median
      assert_in_delta 0.5, Bench::Statistics.spread([80, 100, 130])
      assert_nil Bench::Statistics.spread([])
      assert_nil Bench::Statistics.spread([0, 0])
    end

    def test_a_ratio_needs_both_numbers
      assert_in_delta 0.25, Bench::Statistics.ratio(1, 4)
      assert_nil Bench::Statistics.ratio(nil, 4)
      assert_nil Bench::Statistics.ratio(1, nil)
      assert_nil Bench::Statistics.ratio(1, 0)
    end

    def test_cpu_is_told_per_100_000_requests
      assert_in_delta 1.5, Bench::Statistics.per_100k(3.0, 200_000)
      assert_nil Bench::Statistics.per_100k(3.0, 0)
    end
  end

  class WrkTest < Minitest::Test
    REPORT = <<~TEXT
      Running 8s test @ http://127.0.0.1:9292/
        2 threads and 100 connections
        Thread Stats   Avg      Stdev     Max   +/- Stdev
          Latency     1.71ms    2.02ms   1.05s    89.36%
          Req/Sec    39.67k     4.86k   49.81k    68.12%
        Latency Distribution
           50%  850.00us
           75%    1.51ms
           90%    3.76ms
           99%    2.10s
        631840 requests in 8.03s, 77.74MB read
    TEXT
    FAULTS = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n"

    def test_the_numbers_of_a_report_are_read_in_their_units
      expected = { requests: 631_840, seconds: 8.03, errors: 0, p50_us: 850.0, p90_us: 3760.0, p99_us: 2_100_000.0,
                   max_us: 1_050_000.0 }
      assert_equal expected, Bench::Wrk.parse(REPORT)
    end

    def test_socket_errors_and_bad_answers_are_errors
      assert_equal [15, 631_835], Bench::Wrk.parse(REPORT + FAULTS).values_at(:errors, :requests)
    end

    def test_something_else_is_a_failure_that_quotes_it
      error = assert_raises(Bench::Failure) { Bench::Wrk.parse("unable to connect\n") }
      assert_match(/unable to connect/, error.message)
    end
  end

  class ProcessTreeTest < Minitest::Test
    # CPU: user, system, and both of the children that were waited for, in ticks.
    def process(folder, pid, parent, cpu)
      Dir.mkdir("#{folder}/#{pid}")
      File.write("#{folder}/#{pid}/stat", "#{pid} (a (strange) name) S #{parent} #{([0] * 9).join(" ")} #{cpu.join(" ")} 20 0")
      File.write("#{folder}/#{pid}/status", "Name:\tx\nVmHWM:\t   #{pid * 10} kB\nVmRSS:\t   #{pid * 5} kB\n")
      File.write("#{folder}/#{pid}/smaps_rollup", "Rss:  999 kB\nPss:    #{pid} kB\n")
    end

    def tree(processes, root)
      Dir.mktmpdir do |folder|
        processes.each { |arguments| process(folder, *arguments) }
        yield Bench::ProcessTree.new(root, proc: folder)
      end
    end

    def test_cpu_is_that_of_all_descendants_and_of_the_children_they_waited_for
      tree([[1, 0, [900] * 4], [7, 1, [1, 2, 3, 4]], [8, 7, [10, 20, 0, 0]], [9, 8, [100, 200, 0, 0]]], 7) do |tree|
        ticks = Bench::ProcessTree::TICKS_PER_S
        assert_equal [7, 8, 9], tree.pids
        assert_in_delta 114.0 / ticks, tree.cpu[:cpu_user_s]
        assert_in_delta 226.0 / ticks, tree.cpu[:cpu_sys_s]
      end
    end

    def test_memory_is_that_of_one_process_and_its_peak_or_the_shares_of_several
      tree([[7, 1, [0] * 4]], 7) { |tree| assert_equal({ memory_kib: 35, peak_kib: 70 }, tree.memory) }
      tree([[7, 1, [0] * 4], [8, 7, [0] * 4]], 7) { |tree| assert_equal({ memory_kib: 15 }, tree.memory) }
    end

    def test_those_that_have_become_daemons_are_known_by_their_mark
      Dir.mktmpdir do |folder|
        [[7, 1], [8, 1], [9, 8], [10, 1]].each { |pid, parent| process(folder, pid, parent, [0] * 4) }
        File.write("#{folder}/8/environ", "A=1\0MARK=x\0")
        File.write("#{folder}/10/environ", "MARK=xy\0")
        assert_equal [7, 8, 9], Bench::ProcessTree.new(7, mark: "MARK=x", proc: folder).pids.sort
      end
    end

    def test_a_process_that_is_gone_costs_nothing
      tree([], 7) do |tree|
        assert_empty tree.pids
        assert_equal({ cpu_user_s: 0.0, cpu_sys_s: 0.0 }, tree.cpu)
      end
    end

    def test_this_process_is_seen
      before = Bench::ProcessTree.new(Process.pid).cpu[:cpu_user_s]
      deadline = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) + 0.2
      nil while Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) < deadline
      tree = Bench::ProcessTree.new(Process.pid)
      assert_operator tree.cpu[:cpu_user_s], :>, before
      memory = tree.memory
      assert_operator memory[:memory_kib], :>, 1024
      assert_operator memory[:peak_kib], :>=, memory[:memory_kib]
    end
  end

  class SettingsTest < Minitest::Test
    def test_the_defaults_are_those_of_the_method
      settings = BenchTest.settings
      assert_equal [3, [100], 5, []], [settings.runs, settings.connections, settings.threads, settings.rows]
      hello, soak = %w[hello soak].map { |label| Bench::Row.named(label).new(settings) }
      assert_equal [3, 8, 1, 900], [hello.runs, hello.seconds, soak.runs, soak.seconds]
      assert_equal 5, Bench::Row.named("soak").new(BenchTest.settings("--seconds", "5")).seconds
    end

    def test_rows_and_lists_are_taken
      settings = BenchTest.settings("hello", "--connections", "1,8", "--servers", "puma,hyperion", "log")
      assert_equal [%w[hello log], [1, 8], %w[puma hyperion]], [settings.rows, settings.connections, settings.servers]
    end

    def test_what_is_unknown_or_no_number_is_told
      { %w[helo] => /unknown row helo; there are .*hello/, %w[--servers pumpa] => /unknown server pumpa; .*puma/,
        %w[--runs 0] => /--runs takes numbers/, %w[--connections 1,x] => /--connections takes numbers/,
        %w[--nothing] => /invalid option/ }.each do |arguments, message|
        assert_match message, assert_raises(Bench::Failure) { Bench::Settings.new(arguments) }.message
      end
    end
  end

  class RowsAndServersTest < Minitest::Test
    def of_files(kind) = kind.labelled.reject { |member| member.label.start_with?("fake-") }

    def test_each_file_is_one_row_or_server
      { "rows" => Bench::Row, "servers" => Bench::Server }.each do |folder, kind|
        labels = of_files(kind).map(&:label)
        assert_equal Dir["#{Bench::ROOT}/bench/#{folder}/*.rb"].size, labels.uniq.size, labels.inspect
      end
    end

    OWN_CONNECTIONS = { "boot" => [1], "idle" => [10_000], "fairness" => [200, 16], "mixed" => [60], "h2" => [10], "grpc" => [1],
                        "tail" => [50], "tls" => [2] }.freeze

    def test_each_row_has_a_question_an_app_cases_and_known_servers
      of_files(Bench::Row).map { |row| row.new(BenchTest.settings("--connections", "1,8")) }.each do |row|
        assert_path_exists row.app.path
        assert_match(/\?\z/, row.about, row.label)
        refute_empty row.columns
        assert(row.plots.all? { |plot| plot.title && plot.unit }, row.label)
        assert_equal OWN_CONNECTIONS.fetch(row.label, [1, 8]), row.cases.map(&:connections).uniq, row.label
        assert_equal row.cases.size, row.cases.map(&:name).uniq.size
        row.servers.each { |label| assert_equal label, Bench::Server.named(label).label }
      end
    end

    def test_each_server_serves_the_app_at_the_port_with_so_many_threads
      kase = Bench::Row.named("hello").new(BenchTest.settings).cases.first
      %w[hyperion hyperion-io_uring puma].each do |label|
        command = Bench::Server.named(label).new(BenchTest.settings("--threads", "7")).command(kase, 4711).join(" ")
        assert_match(/\b4711\b/, command)
        assert_match(/-t 7\b/, command)
        assert_includes command, kase.app.path
      end
    end

    def test_the_row_log_turns_the_log_on_and_off
      row = Bench::Row.named("log").new(BenchTest.settings)
      commands = row.cases.map { |kase| Bench::Server.named("hyperion").new(BenchTest.settings).command(kase, 1) }
      assert_equal [%w[--no-log-requests], %w[--log-requests]], commands.map { |command| command.grep(/log-requests/) }
    end

    def test_starvation_counts_those_served_less_than_half_the_median
      row = Bench::Row.named("starvation").new(BenchTest.settings)
      assert_equal({ least: 4, middle: 10, most: 30, least_share: 0.4, starved: 1 }, row.shares([30, 10, 4, 10, 5]))
      assert_equal 2, row.shares([5, 0, 5, 0, 5])[:starved]
      assert_equal 3, row.shares([0, 0, 0])[:starved]
    end
  end

  class SmokeTestTest < Minitest::Test
    def response(head, body)
      io = Net::BufferedIO.new(StringIO.new("HTTP/1.1 #{head}\r\ncontent-length: #{body.bytesize}\r\n\r\n#{body}"))
      Net::HTTPResponse.read_new(io).tap { |response| response.reading_body(io, true) { response.body } }
    end

    def judge(head, body) = Bench::SmokeTest.new(Bench::Row::HELLO).judge(response(head, body))

    def test_the_expected_answer_passes
      assert_nil judge("200 OK\r\ncontent-type: text/plain", "Hello, World!")
    end

    def test_each_difference_is_named
      { ["404 Not Found\r\ncontent-type: text/plain", "Hello, World!"] => /status is "404"/,
        ["200 OK\r\ncontent-type: text/plain", "Hello, world!"] => /body is "Hello, world!"/,
        ["200 OK\r\ncontent-type: text/html", "Hello, World!"] => /content-type is "text\/html"/,
        ["200 OK\r\ncontent-type: text/plain\r\nconnection: close", "Hello, World!"] => /closes/ }.each do |answer, message|
        assert_match message, assert_raises(Bench::Failure) { judge(*answer) }.message
      end
    end
  end

  class ServerTest < Minitest::Test
    def kase = Bench::Row.named("hello").new(BenchTest.settings).cases.first

    def test_a_server_that_answers_something_else_is_found_out_and_stopped
      server = LyingFake.new(BenchTest.settings)
      row = Bench::Row.named("hello").new(BenchTest.settings)
      error = assert_raises(Bench::Failure) { server.measure(row, kase) }
      assert_match(/smoke test: content-length is "3"|smoke test: body is "lie"/, error.message)
      assert_raises(Errno::ESRCH) { Process.kill(0, server.booted) }
    end

    def test_a_server_that_does_not_boot_says_its_last_words
      command = [RbConfig.ruby, "-e", "abort 'no such app'"]
      error = assert_raises(Bench::Failure) { Bench::ServerProcess.start(command, Bench::ServerProcess.free_port) }
      assert_match(/exited while booting: no such app/, error.message)
    end
  end

  class SweepTest < Minitest::Test
    def sweep(*arguments)
      JOURNEY.clear
      Dir.mktmpdir do |folder|
        output = StringIO.new
        sweep = Bench::Sweep.new(BenchTest.settings("fake-row", *arguments), Bench::Journal.new(folder),
          output: output, progress: StringIO.new)
        yield sweep.run, output.string, File.readlines("#{folder}/runs.jsonl").map { |line| JSON.parse(line) }
      end
    end

    def test_servers_take_turns_and_cases_follow_each_other
      sweep("--servers", "fake-a,fake-b", "--runs", "2", "--connections", "1,8") do |success|
        assert success
        turn = %w[fake-a fake-b]
        assert_equal [1, 8].flat_map { |count| (turn * 2).map { |label| [label, count] } }, JOURNEY
      end
    end

    def test_every_run_and_cell_is_kept_behind_the_machine
      sweep("--servers", "fake-a", "--runs", "2") do |_, _, lines|
        assert_equal %w[machine run run cell], lines.map { |line| line["kind"] }
        assert_equal 75.0, lines[1]["cpu_per_100k"]
        assert_equal 500.0, lines.last["median"]["rps"]
      end
    end

    def test_a_broken_server_fails_its_line_and_not_the_sweep
      sweep("--servers", "fake-broken,fake-a") do |success, text|
        refute success
        assert_match(/fake-broken .*run 1: smoke test: status is 500/, text)
        assert_match(/fake-a \| 500 /, text)
      end
    end

    def test_a_missing_server_is_a_line_that_says_so
      sweep("--servers", "fake-absent") do |success, text|
        assert success
        assert_match(/fake-absent .*not installed/, text)
      end
    end
  end

  class ReportTest < Minitest::Test
    def cell(label, run)
      kase = (@kase ||= FakeRow.new(BenchTest.settings).cases.first)
      server = FakeServer.new(BenchTest.settings)
      server.define_singleton_method(:label) { label }
      Bench::Cell.new(FakeRow.new(BenchTest.settings), kase, server).tap { |cell| cell.add(run) }
    end

    def test_servers_are_compared_with_puma
      run = { requests: 80_000, seconds: 8.0, errors: 0, cpu_user_s: 6.0, cpu_sys_s: 2.0, memory_kib: 3072, peak_kib: 4096 }
      table = Bench::Report.new.table([cell("hyperion", { **run, requests: 800_000 }), cell("puma", run)])
      hyperion, puma = table.lines.last(2).map { |line| line.split("|").map(&:strip) }
      assert_equal ["100,000", "0 %", "10.00"], hyperion[3, 3]
      assert_equal ["1.00 (0.75 + 0.25)", "0.10", "3.0 (4.0)"], hyperion[12, 3]
      assert_equal ["10,000", "0 %", "1.00"], puma[3, 3]
    end

    def test_all_percentiles_are_told_as_far_as_there_are_any
      run = { requests: 1, seconds: 1.0, errors: 0, cpu_user_s: 0.0, cpu_sys_s: 0.0, p50_us: 100.0, p90_us: 200.0, p99_us: 1500.0, max_us: 9000.0 }
      titles, _, puma = Bench::Report.new.table([cell("puma", run)]).lines.last(3).map { |line| line.split("|").map(&:strip) }
      assert_equal ["p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"], titles[6, 5]
      assert_equal ["0.10", "0.20", "1.50", "–", "9.00"], puma[6, 5]
    end

    def test_noise_is_told
      run = { requests: 1, seconds: 1.0, errors: 0, cpu_user_s: 0.0, cpu_sys_s: 0.0, other_cpu: 0.25 }
      assert_match(/other processes took 25 % of the CPU/, Bench::Report.new.table([cell("puma", run)]))
    end
  end
end
