# frozen_string_literal: true

require_relative "process_case"

# Signals in each state of a server, and apps that fork, trap and turn it into a daemon.
class StatesTest < HyperionTest::ProcessCase
  MODES = { "one_process" => [], "a_cluster" => %w[-w 2] }.freeze
  # They mean nothing to a server that stops already, or never do.
  HARMLESS = %i[HUP USR1 USR2 USR2 TTIN TTOU TERM QUIT].freeze
  NOTES = 'note = ->(line) { File.open(%p, "a") { |io| io.syswrite("#{line} #{Process.pid}\n") } }' "\n"

  MODES.each do |name, flags|
    define_method("test_G4_signals_while_#{name}_drains_change_nothing") do
      draining = boot(BASIC, *flags, "-t", "2", "--graceful-timeout", "10")
      client = connect(draining).request("GET", "/sleep?1")
      assert client.silent?(0.15)
      draining.signal(:TERM)
      draining.wait_for_log(/draining/)
      3.times { HARMLESS.each { |signal| draining.signal(signal) } }
      assert_equal ["slept", true], client.response.then { |answer| [answer.body, answer.close?] }
      client.close
      assert_equal 0, draining.wait.exitstatus
      assert_empty draining.pids
    end

    define_method("test_G4_signals_without_a_meaning_leave_#{name}_serving") do
      running = boot(BASIC, *flags)
      before = running.pids.sort
      before.each { |pid| %i[USR1 USR2 USR2 TTIN TTOU].each { |signal| Process.kill(signal, pid) } }
      eventually { running.log.scan("signal ignored").size >= before.size * 4 }
      assert_equal 200, get("/pid", to: running).status
      assert_equal before, running.pids.sort
      assert_equal 0, running.stop.exitstatus
    end

    define_method("test_G4_traps_of_the_app_are_replaced_in_#{name}") do
      trap = "%w[TERM INT QUIT HUP USR1].each { |name| Signal.trap(name) { note.call(name) } }\n"
      ru = file("config.ru", format(NOTES, "#{dir}/notes") + trap + "run ->(_) { [200, {}, [Process.pid.to_s]] }\n")
      config = format(NOTES, "#{dir}/notes") + "on_worker_boot { #{trap.chomp} }\n"
      trapping = boot_with(config, *flags, app: ru)
      trapping.pids.each { |pid| %i[HUP USR1].each { |signal| Process.kill(signal, pid) } }
      trapping.wait_for_log(/signal ignored/)
      assert_equal 0, trapping.stop.exitstatus
      refute_path_exists "#{dir}/notes"
    end

    define_method("test_G8_#{name}_whose_app_makes_a_daemon_of_it_serves_and_cleans_up") do
      ru = file("config.ru", "Process.daemon(true, true)\nrun ->(_) { [200, {}, [Process.pid.to_s]] }\n")
      words = [*flags, "-b", "unix://#{dir}/sock", "--pid-file", "#{dir}/pid", "--log-file", "#{dir}/log", ru]
      parent = Process.spawn(*HyperionTest::TestServer.command, *words, chdir: ROOT, out: File::NULL, err: "#{dir}/log")
      assert_equal 0, Process.wait2(parent).last.exitstatus
      eventually { File.exist?("#{dir}/pid") }
      daemon = Integer(File.read("#{dir}/pid"))
      ending { Process.kill(:KILL, -daemon) unless gone?(daemon) }
      client = HyperionTest::RawClient.unix("#{dir}/sock")
      assert_equal 200, client.get("/").status
      client.close
      Process.kill(:TERM, daemon)
      eventually { gone?(daemon) }
      assert_equal %w[config.ru log], Dir.children(dir).sort
    end

    define_method("test_G8_a_child_of_a_worker_of_#{name}_is_no_worker_and_holds_up_nothing") do
      config = "on_worker_boot { |slot| File.write(#{"#{dir}/child".inspect} + slot.to_s, fork { sleep(20) }.to_s) }\n"
      forking = boot_with(config, *flags)
      children = Dir["#{dir}/child*"].map { |path| Integer(File.read(path)) }
      ending { children.each { |pid| Process.kill(:KILL, pid) unless gone?(pid) } }
      assert_equal [flags.empty? ? 1 : 2, 200], [children.size, get("/pid", to: forking).status]
      took = elapsed { assert_equal 0, forking.stop.exitstatus }
      assert_operator took, :<, 2
    end
  end

  def test_G8_at_exit_of_a_worker_runs_once_behind_its_last_hook_and_that_of_the_app_in_each_process
    notes = format(NOTES, "#{dir}/notes")
    ru = file("config.ru", "#{notes}at_exit { note.call('app') }\nrun ->(_) { [200, {}, []] }\n")
    config = "#{notes}on_worker_boot { at_exit { note.call('worker') } }\non_worker_shutdown { note.call('hook') }\n"
    cluster = boot_with(config, "-w", "2", app: ru)
    workers = cluster.worker_pids.sort
    assert_equal 0, cluster.stop.exitstatus
    told = File.readlines("#{dir}/notes", chomp: true).group_by { |line| Integer(line.split.last) }
    assert_equal [[%w[hook worker app]] * 2, %w[app]],
                 [told.values_at(*workers).map { |lines| lines.map { |line| line.split.first } }, told[cluster.pid].map { |line| line.split.first }]
  end

  def test_G3_a_master_that_was_stopped_for_a_while_kills_nobody
    cluster = boot(BASIC, "-w", "2", "--worker-timeout", "2")
    before = cluster.worker_pids.sort
    cluster.signal(:STOP)
    sleep 4 # The time itself is what is tried.
    cluster.signal(:CONT)
    sleep 1.5
    assert_equal before, cluster.worker_pids.sort
    refute_match(/no heartbeat/, cluster.log)
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_G6_a_low_port_without_the_privilege_is_a_clear_error
    first = Integer(File.read("/proc/sys/net/ipv4/ip_unprivileged_port_start"))
    skip "every port is for everybody here" if first < 2
    command = ["setpriv", "--bounding-set=-net_bind_service"] if Process.uid.zero?
    out, err, status = capture(*command, *HyperionTest::TestServer.command, "-p", (first - 1).to_s, BASIC)
    assert_equal 1, status.exitstatus, out + err
    assert_match(/port #{first - 1} needs more privileges; ports from 1024 on do not/, err + out)
  end
end
