# frozen_string_literal: true

require_relative "process_case"

# A stop works in time, whatever of the app hangs, and whoever holds the interpreter's lock.
class ForcedExitTest < HyperionTest::ProcessCase
  # `LOCKED` holds the interpreter's lock for ever, as a bad extension does.
  LOCKED = <<~RUBY
    require "fiddle"
    LOCKED = Fiddle::Function.new(Fiddle.dlopen(nil)["pause"], [], Fiddle::TYPE_INT, need_gvl: true)
    HOLD = -> { LOCKED.call while true }
  RUBY
  APP = "#{LOCKED}run ->(env) { HOLD.call if env['PATH_INFO'] == '/hold'; [200, {}, [Process.pid.to_s]] }\n"
  OVER = /"level":"error".*graceful_timeout is over, and a hook, an at_exit or C code still runs/

  { "one_process" => [], "a_cluster" => %w[-w 2] }.each do |name, flags|
    define_method("test_H5_code_that_keeps_the_interpreters_lock_cannot_keep_#{name}_alive") do
      server = boot(file("config.ru", APP), *flags, "--graceful-timeout", "1")
      connect(server).request("GET", "/hold").silent?(0.3)
      took = elapsed { assert_equal 1, server.stop(:TERM).exitstatus }
      assert_operator took, :<, 8
      assert_match(/graceful_timeout is over|did not stop in time/, server.log)
      eventually { server.pids.empty? }
    end
  end

  { "json" => /"level":"warn".*a second interrupt: the process ends at once/, "terminal" => /^\d\d:\d\d:\d\d warn  a second interrupt: / }.each do |format, line|
    define_method("test_H5_a_second_interrupt_ends_a_process_whose_ruby_stands_still_with_a_line_as_#{format}") do
      server = boot(file("config.ru", APP), "--graceful-timeout", "60", "--log-format", format)
      connect(server).request("GET", "/hold").silent?(0.3)
      server.signal(:INT)
      eventually("the first one is not taken") { File.read("/proc/#{server.pid}/status")[/^ShdPnd:\s*(\h+)/, 1].hex.zero? }
      server.signal(:INT)
      assert_equal 130, server.wait.exitstatus
      assert_match(line, server.log)
    end
  end

  def test_a_second_interrupt_is_told_of
    server = boot(BASIC, "-w", "2")
    hold("told", to: server)
    server.signal(:INT)
    server.wait_for_log(/draining/)
    server.signal(:INT)
    assert_equal 130, server.wait.exitstatus
    assert_match(/a second interrupt/, server.log)
  end

  { "one_process" => [], "a_cluster" => %w[-w 2], "a_cluster_that_loads_in_its_workers" => %w[-w 2 --no-preload] }.each do |name, flags|
    { "sleeps" => "sleep", "keeps_the_lock" => "#{LOCKED}HOLD.call" }.each do |how, code|
      define_method("test_H4_an_app_that_#{how}_while_#{name}_loads_it_can_be_stopped") do
        app = file("config.ru", "$stdout.puts('loading')\n$stdout.flush\n#{code}\nrun ->(_) { [200, {}, []] }\n")
        server = HyperionTest::TestServer.new(app, *flags)
        ending { server.destroy }
        server.wait_for_log(/loading/, timeout: 20)
        server.signal(:TERM)
        status = server.wait(timeout: 30)
        assert_includes [0, 1, 143], status.exitstatus, server.log
        eventually("a process is left", timeout: 10) { server.pids.empty? }
      end
    end
  end

  def test_H6_a_child_that_the_app_forks_is_not_heard
    app = file("config.ru", <<~RUBY)
      run ->(_) { [200, {}, [Process.wait2(fork { Process.kill(:TERM, Process.pid) && sleep(0.1) && exit!(7) }).last.exitstatus.to_s]] }
    RUBY
    server = boot(app, "--graceful-timeout", "1")
    3.times { assert_equal "7", body("/", to: server) }
    assert(4.times.all? { sleep(1) && body("/", to: server) == "7" }, "the process has ended with its child")
    assert_equal 0, server.stop.exitstatus
  end

  def test_the_line_goes_to_the_log_file_and_has_its_time
    log = File.join(dir, "log")
    server = boot(file("config.ru", APP), "--graceful-timeout", "1", "--log-file", log)
    connect(server).request("GET", "/hold").silent?(0.3)
    assert_equal 1, server.stop.exitstatus
    assert_match(/\A\{"ts":"\d{4}-\d\d-\d\dT[^"]+Z",/, File.readlines(log).grep(OVER).first)
  end
end
