# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../../../test", __dir__))

require "tmpdir"
require "fileutils"
require "support/test_server"
require "support/tls_socket"
require "support/thread_states"
require "integration/tls/authority"
require "integration/http2/h2_client"
require_relative "content"
require_relative "ledger"
require_relative "peer"
require_relative "visitor"
require_relative "census"
require_relative "disturbance"
require_relative "verdict"
require_relative "options"

module Soak
  # One server from its boot to its end: loaded and at rest in turn, and judged.
  class Run
    VISITORS = 12
    CYCLES = 30
    CYCLE_S = (4.0..120.0).freeze
    # Forked children have ended by then, and what a client left is closed.
    QUIET_S = 4
    SHOWN = 40
    SILENCES = [HyperionTest::RawClient::Ended, HyperionTest::RawClient::TimedOut].freeze

    def initialize(options)
      @options = options
      @samples = []
      @complaints = []
    end

    # @return [Boolean] whether all is well
    def run
      Dir.mktmpdir("hyperion-soak") do |folder|
        boot(folder)
        alternate
        status = @server.stop.exitstatus
        @complaints << "the server ended with status #{status.inspect}" unless status == 0
        report(@ledger.compare(File.foreach(File.join(folder, "notes"))))
      ensure
        @server&.destroy
        Dir.exist?(folder) && save_log
      end
    end

    private

    def boot(folder)
      { "small" => 3000, "large" => 700_000 }.each { |name, size| File.binwrite(File.join(folder, name), Content.of(name.sum, size)) }
      authority = HyperionTest::Authority.new(folder)
      port = @options.port
      @server = HyperionTest::TestServer.start(
        File.join(__dir__, "app.ru"), "-b", "tcp://127.0.0.1:#{port}", "-b", "ssl://127.0.0.1:#{port.zero? ? 0 : port + 1}", "-e", "production", "-w", 2, "--io", @options.io,
        *authority.issue("localhost", "127.0.0.1").flags, bind: false, env: { "SOAK_FOLDER" => folder }
      )
      secure_port = @server.wait_for_log(%r{Listening on https://127\.0\.0\.1:(\d+)})[1].to_i
      @place = Place.new(port: @server.port, secure_port: secure_port, root_path: authority.root_path, store: authority.store, folder: folder)
      @ledger, @calm, @census = Ledger.new, Calm.new, Census.new(@server)
      @disturbance = Disturbance.new(@server, @census, @ledger, @calm)
      say "pid #{@server.pid}, driver #{@options.io}, port #{@place.port}, TLS #{secure_port}, seed #{@options.seed}"
    end

    def alternate
      @began = now
      ends = @began + @options.minutes * 60
      length = (@options.minutes * 60 / CYCLES).clamp(CYCLE_S)
      @visitors = Array.new(VISITORS) { |i| Visitor.new(@place, @ledger, @calm, @options.seed + i) }
      cycle([length, ends - now].min) while now < ends
    end

    def cycle(seconds)
      load(seconds)
      rest
    rescue SystemCallError, *SILENCES => e
      @complaints << "#{e.class}: #{e.message[0, 300]}"
    end

    def load(seconds)
      ends = now + seconds
      threads = @visitors.map { |visitor| Thread.new { visitor.visit(VISITORS / @options.rate) { now > ends } } }
      sleep(seconds * 0.3)
      disturb
      threads.each(&:join)
    end

    def disturb
      @disturbance.strike
    rescue Disturbance::Missing, HyperionTest::CapturedOutput::Missing => e
      @complaints << e.message[-500..] || e.message
    end

    def rest
      ask_workers("/collect")
      sleep(QUIET_S)
      @samples << @census.take(now - @began) { ask_workers("/trim") }
      counts = { asked: @ledger.asked.values.sum, wrong: @ledger.failures.size, killed: @ledger.killed.size, deferred: @ledger.deferred.size }
      say "#{@samples.last} | #{counts.map { |pair| pair.reverse.join(" ") }.join(", ")}"
    end

    # Each worker: several connections at once go to the workers in turn.
    def ask_workers(target)
      20.times do
        peers = Array.new(4) { Peer.new(@place, secure: false) }
        peers.each { |peer| peer.client.request("GET", "#{target}?0") }
        pids = peers.map { |peer| peer.client.response.body.to_i }
        peers.each(&:close)
        return if (@census.workers - pids).empty?
      end
    end

    def report(notes)
      verdict = Verdict.new(@samples, failures: @ledger.failures, complaints: @complaints + notes, log: @server.log)
      say "asked: #{@ledger.asked.sort.map { |kind, count| "#{kind} #{count}" }.join(", ")}"
      say "done to it: #{@disturbance.counts.map { |kind, count| "#{kind} #{count}" }.join(", ")}"
      { "in a killed worker" => @ledger.killed, "told to come back" => @ledger.deferred }.each { |why, list| say "#{why}: #{list.size}", *list.first(5) }
      faults = verdict.faults
      say(*faults.first(SHOWN), "#{faults.size} faults") unless faults.empty?
      say faults.empty? ? "SOUND: every answer was right, and nothing has leaked" : "NOT SOUND"
      faults.empty?
    end

    def save_log
      FileUtils.mkdir_p(logs = File.expand_path("../../../tmp/soak", __dir__))
      File.write(File.join(logs, "#{@options.io}.log"), @server.log) if @server
    end

    def say(*lines) = $stdout.puts(*lines).then { $stdout.flush }
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end

begin
  exit(Soak::Run.new(Soak::Options.parse(ARGV)).run)
rescue OptionParser::ParseError => e
  abort "script/soak: #{e.message}"
end
