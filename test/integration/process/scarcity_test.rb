# frozen_string_literal: true

require_relative "process_case"

# A system that gives no more processes or threads. The limit counts those of a user, and does not hold for root.
class ScarcityTest < HyperionTest::ProcessCase
  USER = 47_812

  def test_I4_a_master_that_cannot_fork_goes_on
    cluster = boot_limited("-w", "2")
    first, second = cluster.worker_pids
    Process.kill(:KILL, first)
    cluster.wait_for_log(/worker \d cannot be forked: .*no process is left; raise `ulimit -u`/)
    Process.kill(:KILL, second)
    cluster.wait_for_log(/\(#{second}\) ended: killed by SIGKILL/)
    limit(cluster.pid, "1000")
    2.times { cluster.wait_for_log(/worker restarted.*worker restarted/m, timeout: 15) }
    assert_equal 200, get("/pid", to: cluster).status
    assert_equal 0, cluster.stop.exitstatus
  end

  def test_I4_a_master_that_cannot_fork_can_be_stopped
    cluster = boot_limited("-w", "2")
    Process.kill(:KILL, cluster.worker_pids.first)
    cluster.wait_for_log(/ended: killed by SIGKILL/)
    took = elapsed { assert_equal 0, cluster.stop.exitstatus }
    assert_operator took, :<, 5
  end

  { "one_process" => [], "a_cluster" => %w[-w 2] }.each do |name, flags|
    define_method("test_I4_without_threads_#{name}_finishes_what_it_has_begun") do
      server = boot_limited(*flags, "--drain-delay", "0.2")
      client = connect(server).request("GET", "/sleep?1")
      assert client.silent?(0.2)
      server.signal(:TERM)
      assert_equal "slept", client.response.body
      assert_equal 0, server.wait.exitstatus, server.log
    end
  end

  def test_I4_a_server_without_threads_does_not_begin
    skip("the limit does not hold for this user") unless Process.uid.zero? && system(*limited, "test", "-r", "#{ROOT}/exe/hyperion")
    skip("this Ruby itself does not end without threads") unless system(*limited, "timeout", "-s", "KILL", "5", "prlimit", "--nproc=1", RbConfig.ruby, "-e", "")
    out, err, status = capture(*limited, "prlimit", "--nproc=1", *HyperionTest::TestServer.command, BASIC)
    assert_equal 1, status.exitstatus, out + err
    assert_match(/hyperion cannot start: .*(ulimit|Resource temporarily unavailable)/, err)
  end

  private

  def boot_limited(*flags, app: BASIC)
    skip("needs root to become another user") unless Process.uid.zero?
    skip("another user cannot read the checkout") unless system(*limited, "test", "-r", "#{ROOT}/exe/hyperion")
    boot(app, *flags, env: { "TMPDIR" => "/tmp" }, command: [*limited, *HyperionTest::TestServer.command]).tap do |server|
      server.pids.each { |pid| limit(pid, "1") }
    end
  end

  # A directory that the other user may read.
  def dir = @dir ||= Dir.mktmpdir("hyperion-process", "/tmp").tap { |path| File.chmod(0o755, path) && ending { FileUtils.remove_entry(path) } }

  def limited = ["setpriv", "--reuid", USER.to_s, "--clear-groups"]

  def limit(pid, count) = assert(system(*limited, "prlimit", "--pid", pid.to_s, "--nproc=#{count}:"))
end
