# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/safe_fork"

class SafeForkTest < UnitCase
  USER = 47_813

  def setup = @safe_fork = Hyperion::SafeFork.new

  def test_the_child_runs_the_block_and_may_raise_and_sleep_as_ever
    out, into = IO.pipe
    pid = @safe_fork.fork do
      sleep(0.001)
      Thread.new { into.write("child") }.join
      exit!(7)
    end
    assert_equal 7, Process.wait2(pid).last.exitstatus
    into.close
    assert_equal "child", out.read
  end

  # The interruptions of one fork must not strike what comes behind it.
  def test_H3_many_forks_in_a_row_are_not_disturbed
    200.times { assert_equal 0, Process.wait2(@safe_fork.fork { exit!(0) }).last.exitstatus }
  end

  def test_I4_a_fork_that_finds_no_process_fails_in_time
    told, = forked do |out|
      safe_fork = Hyperion::SafeFork.new # Threads of the parent are not here.
      Process.setrlimit(:NPROC, 0)
      Process::UID.change_privilege(USER) if Process.uid.zero?
      out.write(Array.new(2) { told_by(safe_fork) }.uniq.join)
    end
    assert_match(/\AErrno::EAGAIN: .*no process is left; raise `ulimit -u`.*\z/, told)
  end

  private

  def told_by(safe_fork)
    safe_fork.fork { exit!(0) }
  rescue StandardError => e
    "#{e.class}: #{e.message}"
  end
end
