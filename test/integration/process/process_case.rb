# frozen_string_literal: true

require "support/integration"
require "fileutils"
require "open3"
require "tmpdir"

module HyperionTest
  # A test case about the process: its start, its end, its files and its children.
  class ProcessCase < IntegrationCase
    BASIC = "test/integration/process/apps/basic.ru"
    ROOT = TestServer::ROOT

    serve BASIC

    # A directory of its own for this test.
    def dir
      @dir ||= Dir.mktmpdir("hyperion-process").tap { |path| ending { FileUtils.remove_entry(path) } }
    end

    # Writes a file below `dir` and returns its path.
    def file(name, text)
      path = File.join(dir, name)
      FileUtils.mkdir_p(File.dirname(path))
      File.write(path, text)
      path
    end

    # A server configured by this DSL text.
    def boot_with(config, *options, app: BASIC, **settings)
      boot(app, "-C", file("hyperion.rb", config), *options, **settings)
    end

    # Runs the executable to its end.
    # @return [Array(String, String, Process::Status)] standard output, standard error, status
    def run_hyperion(*arguments, env: {}, chdir: ROOT, timeout: 20)
      capture(*TestServer.command, *arguments.map(&:to_s), env: env, chdir: chdir, timeout: timeout)
    end

    def capture(*command, env: {}, chdir: ROOT, timeout: 20)
      Open3.popen3(TestServer::CLEARED.merge(env), *command, chdir: chdir, pgroup: true) do |input, out, err, waiter|
        input.close
        readers = [out, err].map { |io| Thread.new { io.read.force_encoding("UTF-8") } }
        flunk "#{command.last(4).join(" ")} did not end in #{timeout} s" unless waiter.join(timeout)
        [*readers.map(&:value), waiter.value]
      ensure
        kill_group(waiter.pid)
      end
    end

    # A start that must fail: exit 1, nothing announced, no backtrace; returns what was printed.
    def refuse(*arguments, **options)
      out, err, status = run_hyperion(*arguments, **options)
      assert_equal 1, status.exitstatus, "#{out}\n#{err}"
      refute_match(/Listening on/, out + err)
      err + out
    end

    def body(path, to: server, **options) = get(path, to: to, **options).body

    # Pids that answer when asked many times on connections of their own.
    def serving_pids(to, asks: 24) = Array.new(asks) { Integer(body("/pid", to: to)) }.uniq.sort

    # A request in flight that answers once `release` is called.
    def hold(key, to: server)
      connect(to).request("GET", "/wait?#{key}").tap { |client| await_inside(client) }
    end

    def gone?(pid)
      File.read("/proc/#{pid}/stat").rpartition(")").last.split.first == "Z"
    rescue Errno::ENOENT, Errno::ESRCH
      true
    end

    # From now on the process can open no more than that.
    def limit_descriptors(pid, room: 0)
      open = Dir.children("/proc/#{pid}/fd").map { |name| Integer(name) }
      free = (0..).lazy.reject { |number| open.include?(number) }
      set_limit(pid, free.first(room + 1).last)
    end

    def lift_limit(pid) = set_limit(pid, 1024)

    private

    def set_limit(pid, count) = assert(system("prlimit", "--pid", pid.to_s, "--nofile=#{count}:"))

    # Nothing on the wire says that the app has begun; a moment of silence has to do.
    def await_inside(client) = assert(client.silent?(0.15))

    def kill_group(pid)
      Process.kill(:KILL, -pid)
    rescue Errno::ESRCH
      nil
    end
  end
end
