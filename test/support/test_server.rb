# frozen_string_literal: true

require "rbconfig"
require_relative "captured_output"
require_relative "raw_client"
require_relative "watchdog"

module HyperionTest
  # One running `exe/hyperion`, in a process group of its own, seen only from outside: its sockets,
  # its output, its exit status and /proc. `start` returns when the `Listening on` line has arrived.
  # Whatever is left of the group is killed by `destroy`, and at the end of the test process at the latest.
  #
  #   server = TestServer.start("probe.ru", "-t", "2", env: { "RACK_ENV" => "test" })
  #   server.port                       # => 40213
  #   server.connect.get("/").status    # => 200
  #   server.wait_for_log(/draining/)   # => MatchData
  #   server.stop(:TERM).exitstatus     # => 0
  class TestServer
    ROOT = File.expand_path("../..", __dir__)
    APPS = File.join(ROOT, "test", "apps")
    BOOT_TIMEOUT_S = Float(ENV.fetch("TEST_BOOT_TIMEOUT", "30"))
    LISTENING = %r{Listening on (?:https?://(?<host>\[[^\]]+\]|[^:\s"]+):(?<port>\d+)|unix://(?<path>[^\s"?]+))}

    # Variables of the developer's shell that would change what the server does; HYPERION_* passes through,
    # so that HYPERION_IO=epoll|io_uring selects the driver for a whole run.
    CLEARED = %w[PORT HOST BINDING WEB_CONCURRENCY RAILS_MAX_THREADS RACK_ENV RAILS_ENV APP_ENV].to_h { |name| [name, nil] }.freeze

    class BootFailed < StandardError; end
    class StopFailed < StandardError; end

    @running = []
    class << self
      attr_reader :running

      # Boots and waits for the first `Listening on` line. Raises BootFailed with all output otherwise.
      def start(app, *options, **settings)
        new(app, *options, **settings).tap(&:wait_until_listening)
      end
    end
    at_exit { TestServer.running.dup.each(&:destroy) }

    attr_reader :pid

    # @param app [String, nil] a file in test/apps, a path below the repository, or an absolute path
    # @param options [Array] further command line arguments
    # @param env [Hash] variables for the server (nil unsets)
    # @param bind [Boolean] whether `-b 127.0.0.1 -p 0` is put in front of the options
    # @param command [Array<String>] what to run instead of `ruby -Ilib exe/hyperion`
    # @param chdir [String] working directory
    # @param rlimit_nofile [Integer, nil] descriptor limit of the server
    def initialize(app, *options, env: {}, bind: true, command: nil, chdir: ROOT, rlimit_nofile: nil)
      @output = CapturedOutput.new
      argv = (command || self.class.command) + (bind ? %w[-b 127.0.0.1 -p 0] : []) + options.map(&:to_s)
      argv << self.class.app_path(app) if app
      spawning = { chdir: chdir, pgroup: true, in: File::NULL, **@output.redirections }
      spawning[:rlimit_nofile] = rlimit_nofile if rlimit_nofile
      @pid = Process.spawn(CLEARED.merge(env), *argv, spawning)
      Watchdog.watch(@pid)
      @output.start
      @waiter = Process.detach(@pid)
      self.class.running << self
    end

    def self.command
      [RbConfig.ruby, "-I#{ROOT}/lib", "#{ROOT}/exe/hyperion"]
    end

    def self.app_path(app)
      [app, File.join(APPS, app), File.join(ROOT, app)].find { |path| File.absolute_path?(path) && File.exist?(path) } ||
        raise(ArgumentError, "no app #{app}")
    end

    def wait_until_listening(timeout: BOOT_TIMEOUT_S)
      wait_for_log(LISTENING, timeout: timeout)
    rescue CapturedOutput::Missing => e
      destroy
      raise BootFailed, e.message
    end

    # The address of the first bind; `nil` where it has no such part.
    def host = listening[:host]&.delete("[]")
    def port = listening[:port]&.to_i
    def unix_path = listening[:path]
    def authority = "#{listening[:host]}:#{port}"
    def url(path = "/") = "http://#{authority}#{path}"

    # All `Listening on` lines as MatchData, in order.
    def binds = log.lines.filter_map { |line| LISTENING.match(line) }

    # @return [RawClient] a new connection to the first bind; options as of RawClient.tcp
    def connect(**options)
      unix_path ? RawClient.unix(unix_path, **options) : RawClient.tcp(host, port, **options)
    end

    # What was printed so far: both streams in order of arrival, or one of them.
    def log = @output.text
    def stdout = @output.text(:out)
    def stderr = @output.text(:err)

    # Waits until the output matches; `from` skips that many characters of `log`.
    # @return [MatchData]
    def wait_for_log(pattern, timeout: 5, from: 0)
      @output.wait_for(pattern, timeout: timeout, from: from)
    end

    def alive? = @waiter.alive?

    # Sends a signal to the first process only (the master, in a cluster).
    def signal(name) = Process.kill(name, @pid)

    # Waits for the end of the first process.
    # @return [Process::Status]
    def wait(timeout: 15)
      return @waiter.value if @waiter.join(timeout)

      destroy
      raise StopFailed, "server #{@pid} still ran after #{timeout} s; it printed:\n#{log}"
    end

    # @return [Process::Status]
    def stop(name = :TERM, timeout: 15)
      signal(name) if alive?
      wait(timeout: timeout)
    end

    # Kills what is left of the process group.
    def destroy
      return unless self.class.running.delete(self)

      begin
        Process.kill(:KILL, -@pid)
      rescue Errno::ESRCH
        nil
      end
      @waiter.join
      Watchdog.forget(@pid)
      @output.close
    end

    # Pids of the group that are not zombies, the first process included while it lives.
    def pids
      Dir.glob("/proc/[0-9]*/stat").filter_map do |path|
        fields = stat_fields(path)
        Integer(path[/\d+/]) if fields && fields[2].to_i == @pid && fields[0] != "Z"
      end
    end

    def worker_pids = pids - [@pid]

    def rss_kb(pid = @pid) = File.read("/proc/#{pid}/status")[/^VmRSS:\s+(\d+)/, 1].to_i
    def descriptor_count(pid = @pid) = Dir.children("/proc/#{pid}/fd").size

    # User and system time of one process so far.
    def cpu_seconds(pid = @pid) = stat_fields("/proc/#{pid}/stat").values_at(11, 12).sum(&:to_i) / 100.0

    private

    def listening = LISTENING.match(log)

    # Fields of /proc/PID/stat from the state on (the third), since the name before may hold blanks.
    def stat_fields(path)
      File.read(path).rpartition(")").last.split
    rescue Errno::ENOENT, Errno::ESRCH
      nil
    end
  end
end
