# frozen_string_literal: true

require_relative "../../support/unit"
require_relative "../../support/fake_engine"
require "hyperion/process/launcher"
require "net/http"

# Whole servers with the fake engine, each in a forked process.
class LauncherTest < UnitCase
  # FROZEN sleeps without giving up the interpreter's lock, as a bad extension does.
  APP = <<~RUBY
    require "fiddle"
    FROZEN = Fiddle::Function.new(Fiddle.dlopen(nil)["sleep"], [Fiddle::TYPE_INT], Fiddle::TYPE_INT, need_gvl: true)
    run(lambda do |env|
      case env["PATH_INFO"]
      when "/pid" then [200, {}, [Process.pid.to_s]]
      when "/die" then exit!(7)
      when "/stuck" then sleep
      when "/frozen" then FROZEN.call(60)
      else [404, {}, []]
      end
    end)
  RUBY

  MODES = { "one_process" => [], "a_cluster" => %w[-w 2], "a_sharing_cluster" => %w[-w 2 --worker-model share --no-preload] }.freeze

  def teardown
    Process.kill(:KILL, @pid) && Process.wait(@pid) if @pid
    @out&.close
    super
  end

  MODES.each do |mode, words|
    define_method("test_#{mode}_serves_and_ends") do
      boot(*words)
      assert_match(/\A\d+\z/, get("/pid"))
      assert_equal 0, finish(:TERM).exitstatus
      assert_match(/draining|stopping/, @log)
    end

    define_method("test_hooks_of_#{mode}") do
      conf = %w[before_fork on_worker_boot on_worker_shutdown].map { |name| "#{name} { |slot| File.write('#{dir}/#{name}', \"\#{slot.inspect} \", mode: 'a') }\n" }
      boot("-C", file("conf.rb", conf.join), *words)
      finish(:TERM)
      slots = words.empty? ? ["0"] : %w[0 1]
      assert_equal [slots, slots], %w[on_worker_boot on_worker_shutdown].map { |name| File.read("#{dir}/#{name}").split.sort }
      assert_equal !words.empty?, File.exist?("#{dir}/before_fork")
    end

    define_method("test_G4_a_second_interrupt_ends_#{mode}_at_once") do
      boot(*words)
      Thread.new { get("/stuck") }.report_on_exception = false
      eventually { http.get("/pid") }
      Process.kill(:INT, @pid)
      wait_for(/draining/)
      assert_equal 130, finish(:INT).exitstatus
    end

    define_method("test_files_of_#{mode}_are_removed") do
      boot(*words, "-b", "unix://#{dir}/sock", "--pid-file", "#{dir}/pid")
      assert_equal [@pid.to_s, true], [File.read("#{dir}/pid").strip, File.socket?("#{dir}/sock")]
      finish(:TERM)
      assert_equal ["config.ru"], Dir.children(dir)
    end
  end

  def test_W25_a_worker_that_fails_in_its_hook_ends_the_start
    status = refuse("-w", "2", "-C", file("conf.rb", "on_worker_boot { |slot| raise \"slot \#{slot} is bad\" }\n"))
    assert_equal 1, status.exitstatus
    assert_match(/worker \d \(\d+\) could not boot: on_worker_boot: #{dir}.conf\.rb:1: slot \d is bad/, @log.lines.last)
  end

  def test_W25_a_worker_that_dies_in_its_hook_ends_the_start
    assert_equal 1, refuse("-w", "2", "-C", file("conf.rb", "on_worker_boot { exit!(5) }\n")).exitstatus
    assert_match(/could not boot: exit status 5/, @log.lines.last)
  end

  def test_W25_a_hook_that_exits_ends_the_start
    %w[-t -w].each do |flag|
      assert_equal 1, refuse(flag, "2", "-C", file("conf.rb", "on_worker_boot { exit(0) }\n")).exitstatus
      assert_match(/on_worker_boot: .*conf\.rb:1: exit \(SystemExit\)/, @log.lines.last)
    end
  end

  def test_a_bad_hook_in_the_master_ends_the_start
    assert_equal 1, refuse("-w", "2", "-C", file("conf.rb", "before_fork { raise 'no luck' }\n")).exitstatus
    assert_match(/before_fork: .*no luck/, @log.lines.last)
  end

  def test_a_bad_hook_at_the_end_is_logged
    boot("-C", file("conf.rb", "on_worker_shutdown { raise 'no luck' }\n"))
    assert_equal 0, finish(:TERM).exitstatus
    assert_match(/on_worker_shutdown: .*no luck/, @log)
  end

  def test_G3_a_worker_that_dies_is_replaced_and_the_cause_is_told
    boot("-w", "2")
    http.get("/die") rescue nil
    wait_for(/worker \d \(\d+\) ended: exit status 7/)
    eventually { Array.new(8) { get("/pid") }.uniq.size == 2 }
    assert_equal 0, finish(:TERM).exitstatus
  end

  def test_G3_a_stopped_worker_is_told_at_once_and_may_go_on
    boot("-w", "2")
    victim = Integer(get("/pid"))
    Process.kill(:STOP, victim)
    wait_for(/worker \d \(#{victim}\) was stopped by SIGSTOP/)
    Process.kill(:CONT, victim)
    sleep 5.5
    assert_equal 1, Process.getpgid(victim).positive? ? 1 : 0
    assert_equal 0, finish(:TERM).exitstatus
    refute_match(/killed/, @log)
  end

  def test_G3_a_worker_without_a_sign_of_life_is_replaced
    boot("-w", "2", "--worker-timeout", "2")
    frozen = Thread.new { get("/frozen") }
    frozen.report_on_exception = false
    wait_for(/worker \d \(\d+\) has sent no heartbeat for 2 s and is killed/)
    wait_for(/ended: killed by SIGKILL/)
    assert_raises(SystemCallError, EOFError, IOError) { frozen.value }
    eventually { Array.new(8) { get("/pid") }.uniq.size == 2 }
    assert_equal 0, finish(:TERM).exitstatus
  end

  def test_G4_hup_reopens_and_others_are_ignored
    boot("-w", "2", "--log-file", "#{dir}/log")
    eventually { File.exist?("#{dir}/log") }
    File.rename("#{dir}/log", "#{dir}/old")
    Process.kill(:HUP, @pid)
    eventually { File.exist?("#{dir}/log") }
    %i[USR1 USR2 TTIN TTOU].each { |name| Process.kill(name, @pid) }
    eventually { File.read("#{dir}/log").scan("signal ignored").size == 4 }
    assert_equal 0, finish(:TERM).exitstatus
  end

  private

  def boot(*words)
    launch(*words)
    wait_for(/Use Ctrl-C/)
    @port = @log[/Listening on http:[^ ]*:(\d+)/, 1]
  end

  def refuse(*words)
    launch(*words)
    wait_for_end
  end

  def launch(*words)
    words = ["-p", "0", "--log-format", "text", *words, file("config.ru", APP)]
    words = ["-b", "127.0.0.1", *words] if words.include?("-b")
    @log = +""
    @out, writer = IO.pipe
    @pid = fork do
      $stdout.reopen(writer)
      $stderr.reopen(writer)
      [@out, writer].each(&:close)
      ENV.delete_if { |name, _| name.start_with?("HYPERION_") }
      exit!(catch_exit { Hyperion::CLI.run(words) })
    end
    writer.close
  end

  def catch_exit
    yield
  rescue SystemExit => e
    e.status
  end

  def wait_for(pattern)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 10
    until @log.match?(pattern)
      left = deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC)
      flunk "#{pattern.inspect} was not printed but\n#{@log}" if left <= 0 || !IO.select([@out], nil, nil, left)
      @log << @out.readpartial(65_536)
    end
  rescue EOFError
    flunk "#{pattern.inspect} was not printed but\n#{@log}"
  end

  def finish(signal)
    Process.kill(signal, @pid)
    wait_for_end
  end

  def wait_for_end
    @log << @out.read
    Process.wait2(@pid).last.tap { @pid = nil }
  end

  def http = Net::HTTP.new("127.0.0.1", @port).tap { |http| http.max_retries = 0 }
  def get(path) = http.get(path).body
end
