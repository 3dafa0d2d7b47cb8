# frozen_string_literal: true

require "socket"
require "tempfile"

module Bench
  # A server that runs: a process group of its own, and marked by its environment, so that stopping it
  # leaves nothing of it behind.
  class ServerProcess
    BOOT_S = 20
    STOP_S = 5
    POLL_S = 0.005
    LOG_TAIL_LINES = 5

    # What the shell of the one who measures has set must not change a server.
    FOREIGN = (%w[RUBYOPT RUBYLIB BUNDLE_GEMFILE PORT WEB_CONCURRENCY] + ENV.keys.grep(/\A(HYPERION|PUMA|RAILS)_/)).freeze
    ENVIRONMENT = { "RACK_ENV" => "production", **FOREIGN.to_h { |name| [name, nil] } }.freeze

    # Where no configuration file lies that a server would find.
    FOLDER = "/"

    MARK = "BENCH_SERVER"

    attr_reader :pid, :port, :boot_s

    # @return [ProcessTree] all of its processes
    attr_reader :tree

    # A port that nobody listens on just now.
    def self.free_port = TCPServer.open(Server::HOST, 0) { |socket| socket.addr[1] }

    # @return [ServerProcess] one that accepts connections
    # @raise [Failure] when it does not come up; nothing of it is left then
    def self.start(command, port)
      Interruption.held do
        process = new(command, port)
        Interruption.allowed { process.await }
        ready = process
      ensure
        process&.stop unless ready
      end
    end

    def initialize(command, port)
      @port = port
      @log = Tempfile.new("bench-server")
      @started = now
      mark = "#{Process.pid}-#{port}"
      @pid = Process.spawn({ **ENVIRONMENT, MARK => mark }, *command, chdir: FOLDER, pgroup: true, in: File::NULL, %i[out err] => @log.path)
      @child = Process.detach(@pid)
      @tree = ProcessTree.new(@pid, mark: "#{MARK}=#{mark}")
    rescue SystemCallError => error
      raise Failure, "#{command.first}: #{error.message}"
    end

    # Returns when the port takes a connection.
    def await
      until accepts?
        raise Failure, "exited while booting: #{log_tail}" unless @child.alive?
        raise Failure, "does not listen after #{BOOT_S} s: #{log_tail}" if now - @started > BOOT_S

        @child.join(POLL_S)
      end
      @boot_s = now - @started
    end

    # @return [Float] seconds since it was started
    def age_s = now - @started

    # @raise [Failure] when it has ended by itself
    def check
      raise Failure, "ended by itself: #{log_tail}" unless @child.alive?
    end

    # Asks politely, then kills what is left.
    def stop
      signal(:TERM, -@pid)
      @child.join(STOP_S)
      signal(:KILL, -@pid)
      @child.join
      @tree.pids.each { |pid| signal(:KILL, pid) }
      @log.close!
    end

    private

    def accepts?
      TCPSocket.new(Server::HOST, @port).close
      true
    rescue SystemCallError
      false
    end

    def signal(name, pid)
      Process.kill(name, pid)
    rescue Errno::ESRCH
      nil
    end

    def log_tail = File.readlines(@log.path).last(LOG_TAIL_LINES).join(" ").split.join(" ").scrub

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
