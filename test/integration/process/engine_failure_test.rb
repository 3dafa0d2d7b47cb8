# frozen_string_literal: true

require_relative "process_case"

# An engine that fails as a whole, here because the app closes a descriptor that is not its own.
class EngineFailureTest < HyperionTest::ProcessCase
  CLOSING = <<~RUBY
    run(lambda do |env|
      if env["PATH_INFO"] == "/close"
        ring = Dir["/proc/self/fd/*"].find { |link| File.readlink(link) == "anon_inode:[io_uring]" rescue false }
        IO.for_fd(Integer(File.basename(ring))).close
      end
      [200, {}, [Process.pid.to_s]]
    end)
  RUBY

  def test_one_process_ends_with_a_line
    failing = boot(file("config.ru", CLOSING), "--io", "io_uring")
    connect(failing).request("GET", "/close")
    assert_equal 1, failing.wait.exitstatus
    assert_match(/the driver failed.*Bad file descriptor/, failing.log)
    assert_match(/^hyperion ends: its engine has failed/, failing.log)
  end

  def test_a_worker_is_replaced
    failing = boot(file("config.ru", CLOSING), "--io", "io_uring", "-w", "2")
    before = failing.worker_pids
    connect(failing).request("GET", "/close")
    failing.wait_for_log(/worker \d \(\d+\) ended: exit status 1; its engine has failed/)
    eventually { serving_pids(failing).size == 2 }
    assert_equal 1, (before & failing.worker_pids).size
    assert_equal 0, failing.stop.exitstatus
  end
end
