# frozen_string_literal: true

require "etc"
require "fileutils"
require "rbconfig"
require "tmpdir"

# One command of the suite. It runs in a session and a temporary folder of its own, so that nothing it
# starts or leaves, such as a server in yet another process group, outlives it.
class Step
  Result = Struct.new(:step, :passed, :failed, :skipped, :text, :seconds, keyword_init: true) do
    def failed? = failed.positive?

    def line
      counts = format("%d passed, %d failed, %d skipped, %.1f s", passed, failed, skipped, seconds)
      "#{failed? ? "FAILED" : "ok"} #{step.name} (#{counts})"
    end
  end

  # A test file that takes longer hangs; cargo may have everything to build.
  FILE_TIMEOUT_S = 300
  COMMAND_TIMEOUT_S = 1500

  CARGO = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/
  MINITEST = /^(\d+) runs, \d+ assertions, (\d+) failures, (\d+) errors, (\d+) skips/

  # Rails would put a reporter of its own into every run of minitest.
  PLAIN_MINITEST = { "MT_NO_PLUGINS" => "1" }.freeze

  attr_reader :name

  # @param file [String] a test file, run by Ruby; options as of `new`
  def self.ruby(file, environment = {}, **options)
    name = [file, *environment.values].join(" ")
    command = [RbConfig.ruby, "-w", "-Ilib", "-Itest", file]
    new(name, command, environment: environment, counted: true, timeout: FILE_TIMEOUT_S, **options)
  end

  # @param requires [Array<String>, nil] a command; where it fails, this one is skipped
  # @param counted [Boolean] whether the command prints how many tests it ran, which must not be none
  def initialize(name, command, environment: {}, timeout: COMMAND_TIMEOUT_S, requires: nil, counted: false)
    @name = name
    @command = command
    @environment = environment
    @timeout = timeout
    @requires = requires
    @counted = counted
  end

  # @return [Result]
  def run
    return skipped unless available?

    start = now
    Dir.mktmpdir("hy") do |folder|
      log = "#{folder}/log"
      success = ended_well?(log, folder)
      result(File.read(log).scrub, success, now - start)
    end
  end

  private

  def available? = @requires.nil? || system(*@requires, out: File::NULL, err: File::NULL)

  def skipped
    text = "#{@requires.join(" ")} fails here\n"
    Result.new(step: self, passed: 0, failed: 0, skipped: 1, text: text, seconds: 0)
  end

  def ended_well?(log, folder)
    environment = PLAIN_MINITEST.merge("TMPDIR" => folder).merge(@environment)
    pid = Process.spawn(environment, "setsid", *@command, out: log, err: %i[child out], in: File::NULL)
    waiter = Process.detach(pid)
    return waiter.value.success? if waiter.join(@timeout)

    File.write(log, "\ntimed out after #{@timeout} s\n", mode: "a")
    false
  ensure
    sweep(pid) if pid
  end

  # Kills what is left of the session until nothing is.
  def sweep(session)
    until (pids = members(session)).empty?
      pids.each { |pid| kill(pid) }
      sleep 0.02
    end
  end

  def members(session)
    Dir.glob("/proc/[0-9]*/stat").filter_map do |path|
      state, _parent, _group, owner = File.read(path).rpartition(")").last.split
      Integer(path[/\d+/]) if Integer(owner) == session && state != "Z"
    rescue Errno::ENOENT, Errno::ESRCH
      nil
    end
  end

  def kill(pid)
    Process.kill(:KILL, pid)
  rescue Errno::ESRCH
    nil
  end

  def result(text, success, seconds)
    passed, failed, skipped = sums(text)
    none = (passed + failed + skipped).zero?
    passed = 1 if success && none && !@counted
    failed = 1 if failed.zero? && (!success || (none && @counted))
    Result.new(step: self, passed: passed, failed: failed, skipped: skipped, text: text, seconds: seconds)
  end

  def sums(text)
    cargo = text.scan(CARGO).map { |line| line.map(&:to_i) }
    minitest = text.scan(MINITEST).map do |line|
      runs, failures, errors, skips = line.map(&:to_i)
      [runs - failures - errors - skips, failures + errors, skips]
    end
    (cargo + minitest).reduce([0, 0, 0]) { |sum, line| sum.zip(line).map(&:sum) }
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
