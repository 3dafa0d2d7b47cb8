# frozen_string_literal: true

require_relative "process_case"
require "hyperion/process/forced_exit"

# What docs/operations.md says of systemd and of containers, as far as it can be tried without either.
class DeploymentTest < HyperionTest::ProcessCase
  UNIT = File.read("#{ROOT}/docs/operations.md")[/^```ini\n(.*?)```/m, 1]
  # A process namespace of its own, as a container has.
  APART = %w[unshare --pid --fork --mount-proc --kill-child].freeze
  # Without root, but with the one right that the unit names.
  BINDING = %w[setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps +net_bind_service --ambient-caps +net_bind_service].freeze

  def test_W17_systemd_understands_the_unit
    skip "systemd-analyze is not here" unless works?("systemd-analyze", "--version")
    path = file("hyperion.service", UNIT.sub(/^ExecStart=\S+/, "ExecStart=#{ROOT}/exe/hyperion").sub(/^User=.*/, "User=root"))
    out, err, status = capture("systemd-analyze", "verify", path)
    assert status.success?, out + err
    refute_match(/hyperion\.service/, out + err)
    spoilt = file("spoilt.service", File.read(path).sub("KillMode=mixed", "KillMode=mixd"))
    _, err, = capture("systemd-analyze", "verify", spoilt)
    assert_match(/spoilt\.service/, err, "a mistake would be told")
  end

  def test_W17_the_unit_waits_longer_than_the_server_needs_by_default
    stopping = Integer(UNIT[/^TimeoutStopSec=(\d+)/, 1])
    checked, = run_hyperion("check", BASIC)
    defaults = %w[graceful_timeout drain_delay].sum { |name| Float(checked[/^\s*#{name}\s+(\d+(\.\d+)?)/, 1]) }
    assert_operator stopping, :>, defaults + Hyperion::ForcedExit::MARGIN_S
  end

  def test_G6_a_low_port_without_root_and_with_the_capability
    first = Integer(File.read("/proc/sys/net/ipv4/ip_unprivileged_port_start"))
    skip "every port is for everybody here" if first < 2
    skip "only root can give it away" unless Process.uid.zero? && works?(*BINDING, "test", "-r", "#{ROOT}/exe/hyperion")
    command = [*BINDING, *HyperionTest::TestServer.command]
    port = (1...first).to_a.reverse.find { |candidate| free?(candidate) }
    low = boot(BASIC, "-b", "127.0.0.1", "-p", port, bind: false, command: command)
    assert_equal low.pid.to_s, body("/pid", to: low)
    assert_equal 0, low.stop.exitstatus
  end

  { "one_process" => [], "a_cluster" => %w[-w 2] }.each do |name, flags|
    define_method("test_#{name}_is_the_first_process_of_a_container") do
      skip "there are no namespaces here" unless works?(*APART, "true")
      contained = boot(BASIC, *flags, command: [*APART, *HyperionTest::TestServer.command])
      first = first_process(contained)
      assert_includes flags.empty? ? %w[1] : %w[2 3 4 5 6 7 8 9], body("/pid", to: contained)
      Process.kill(:TERM, first)
      assert_equal 0, contained.wait.exitstatus, contained.log
      assert_empty contained.pids
    end
  end

  def test_a_worker_in_a_container_is_replaced_and_leaves_no_dead_process
    skip "there are no namespaces here" unless works?(*APART, "true")
    contained = boot(BASIC, "-w", "2", command: [*APART, *HyperionTest::TestServer.command])
    first = first_process(contained)
    Process.kill(:KILL, children(first).first)
    contained.wait_for_log(/worker restarted/)
    eventually { children(first).size == 2 && children(first).none? { |pid| gone?(pid) } }
    Process.kill(:TERM, first)
    assert_equal 0, contained.wait.exitstatus
  end

  private

  def works?(*command) = system(*command, %i[out err] => File::NULL)

  def free?(port)
    TCPServer.open("127.0.0.1", port).close || true
  rescue SystemCallError
    false
  end

  # `unshare` itself stays outside and passes no signal on.
  def first_process(server) = children(server.pid).first

  def children(pid) = File.read("/proc/#{pid}/task/#{pid}/children").split.map { |child| Integer(child) }
end
