# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/kernel_stacks"

class KernelStacksTest < UnitCase
  def test_it_tells_what_may_be_read_of_each_thread
    file("7/task/7/comm", "ruby\n")
    file("7/task/7/stat", "7 (a ) b) R 1 2 3")
    file("7/task/7/wchan", "0")
    file("7/task/8/comm", "executor\n")
    file("7/task/8/stat", "8 (executor) S 1 2 3")
    file("7/task/8/wchan", "futex_do_wait")
    file("7/task/8/syscall", "202 0x1 0x2")
    file("7/task/8/stack", "[<0>] futex_do_wait+0x40/0x60\n[<0>] do_futex+0x1/0x2\n")
    assert_equal ["thread 7 ruby, state R", "thread 8 executor, state S, wchan futex_do_wait, syscall 202, stack futex_do_wait < do_futex"],
                 Hyperion::KernelStacks.lines(7, root: dir).sort
  end

  def test_a_process_of_this_machine
    assert_match(/\Athread #{Process.pid} .*state [RSD]/, Hyperion::KernelStacks.lines(Process.pid).join("\n"))
  end

  def test_nobody_tells_nothing
    assert_empty Hyperion::KernelStacks.lines(999_999_999)
  end
end
