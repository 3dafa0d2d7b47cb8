# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/worker_handle"

class WorkerHandleTest < UnitCase
  def setup
    @reader, @writer = IO.pipe
    @orders, commands = IO.pipe
    @worker = Hyperion::WorkerHandle.new(999_999_999, @reader, commands, 0)
  end

  def test_it_reads_that_the_worker_serves
    say("beat 0 0 0 1\nboot")
    refute_predicate @worker, :booted?
    say("ed io_uring\nbeat 0 0 0 1\n", at: 3)
    assert_equal [true, "io_uring", nil], [@worker.booted?, @worker.io_driver, @worker.failure]
    assert_equal [true, false, 9], [@worker.lived?(1, 4), @worker.lived?(1, 3.9), @worker.uptime(9)]
  end

  def test_it_reads_why_the_worker_cannot
    say("failed no luck\vat all\n")
    assert_equal [false, "no luck\nat all", false], [@worker.booted?, @worker.failure, @worker.lived?(0, 100)]
  end

  def test_what_was_written_before_the_end_is_read
    @writer.write("failed at the last moment\n")
    @writer.close
    @worker.ended(0.1)
    assert_equal ["at the last moment", true], [@worker.failure, @reader.closed?]
  end

  def test_what_comes_on_is_no_reason_to_be_replaced
    say("booted epoll\nbeat 3 7 10 1\n", at: 10)
    say("beat 3 7 11 2\n", at: 30)
    assert_equal [true, false, true], [!@worker.stall_complaint(40, 30).nil?, @worker.stuck?(59.9, 30), @worker.stuck?(60, 30)]
    say("beat 0 7 11 3\n", at: 61)
    refute @worker.stuck?(200, 30)
  end

  def test_H3_a_reactor_that_does_not_turn_is_hopeless
    say("booted epoll\nbeat 0 0 0 5\n", at: 10)
    say("beat 0 0 0 5\n", at: 69)
    assert_nil @worker.silence_complaint(70, 60), "what it did since its last word is not known"
    say("beat 0 0 0 5\n", at: 70)
    assert_match(/its reactor has not turned for 60 s/, @worker.silence_complaint(70, 60))
    say("beat 0 0 0 6\n", at: 71)
    assert_nil @worker.silence_complaint(72, 60)
  end

  def test_H3_a_reactor_is_judged_from_the_first_time_it_was_asked
    say("beat 0 0 0 0\nbooted epoll\n", at: 10)
    say("beat 0 0 0 0\n", at: 11)
    say("beat 0 0 0 0\n", at: 12)
    assert_nil @worker.silence_complaint(12, 2)
    say("beat 0 0 0 1\n", at: 12.9)
    assert_nil @worker.silence_complaint(13, 2)
  end

  def test_H4_a_worker_that_does_not_boot_is_a_complaint
    say("beat 0 0 0 0\n", at: 30)
    assert_nil @worker.boot_complaint(59.9, 60)
    assert_equal "has not booted for 60 s", @worker.boot_complaint(60, 60)
    say("booted epoll\n", at: 61)
    assert_nil @worker.boot_complaint(100, 60)
  end

  def test_it_is_told_once_which_slots_it_covers
    @worker.cover([1, 2])
    @worker.cover([1, 2])
    @worker.cover([2])
    assert_equal "cover 1\ncover 2\nuncover 1\n", @orders.readpartial(100)
  end

  def test_who_cannot_serve_does_not
    refute_predicate @worker, :serves?
    say("booted epoll\n")
    assert_predicate @worker, :serves?
    @worker.ask(5)
    refute_predicate @worker, :serves?
    @worker.withdraw_complaint
    @worker.stopped(6)
    refute_predicate @worker, :serves?
  end

  def test_silence_is_hopeless_and_a_beat_is_hope
    assert_nil @worker.silence_complaint(59.9, 60)
    assert_match(/no heartbeat for 60 s/, @worker.silence_complaint(60, 60))
    say("beat 0 0 0 1\n", at: 61)
    assert_nil @worker.silence_complaint(120, 60)
    @worker.restart_clocks(500)
    assert_nil @worker.silence_complaint(559, 60)
  end

  def test_G3_a_stopped_worker_is_hopeless_unless_it_goes_on
    @worker.stopped(10)
    @worker.stopped(12)
    assert_equal [nil, true], [@worker.silence_complaint(14.9, 60), @worker.stopped?]
    assert_match(/stopped/, @worker.silence_complaint(15, 60))
    say("beat 0 0 0 1\n", at: 15)
    assert_equal [nil, false], [@worker.silence_complaint(16, 60), @worker.stopped?]
  end

  def test_requests_that_wait_while_none_is_begun_are_a_complaint
    say("beat 3 7 7 1\n", at: 10)
    say("beat 4 7 7 1\n", at: 39)
    assert_nil @worker.stall_complaint(39.9, 30)
    assert_equal "has 4 requests waiting and has begun none of them for 30 s", @worker.stall_complaint(40, 30)
  end

  def test_work_that_is_taken_is_progress
    say("beat 3 7 7 1\n", at: 10)
    say("beat 3 8 8 1\n", at: 39)
    assert_nil @worker.stall_complaint(68.9, 30)
    assert @worker.stall_complaint(69, 30)
  end

  def test_long_requests_are_no_complaint_while_nobody_waits
    say("beat 0 5 5 1\n", at: 1)
    say("beat 0 5 5 1\n", at: 1000)
    assert_nil @worker.stall_complaint(1000, 30)
    say("beat 1 5 5 1\n", at: 1001)
    say("beat 0 5 5 1\n", at: 1002)
    assert_nil @worker.stall_complaint(2000, 30)
  end

  def test_waiting_does_not_count_while_the_master_was_held_up
    say("beat 3 7 7 1\n", at: 10)
    @worker.restart_clocks(100)
    assert_nil @worker.stall_complaint(129, 30)
  end

  def test_it_tells_what_its_threads_do
    @worker.ask(5)
    assert_equal ["backtraces\n", 5, false], [@orders.readpartial(100), @worker.asked_at, @worker.backtraces_complete?]
    say("thread main sleeps\va.rb:1\vb.rb:2\nthread x runs\nbacktraces_complete\n")
    assert_equal [["main sleeps", "a.rb:1", "b.rb:2"], ["x runs"]], @worker.threads
    assert_predicate @worker, :backtraces_complete?
    @worker.withdraw_complaint
    @worker.ask(9)
    assert_equal [[], false], [@worker.threads, @worker.backtraces_complete?]
  end

  def test_it_asks_for_a_successor_once
    say("spent 100\n", at: 4)
    say("spent 100\n", at: 5)
    assert_equal 4, @worker.spent_at
  end

  def test_it_is_told_to_retire
    @worker.retire(30)
    assert_equal ["retire\n", 30], [@orders.readpartial(100), @worker.leave_by]
  end

  def test_orders_for_the_dead_and_the_deaf_hold_nobody_up
    assert(20_000.times { @worker.ask(1) })
    @orders.close
    @worker.retire(30)
    refute @worker.signal(:TERM)
  end

  def test_a_killed_one_remembers_why
    pid = fork { sleep }
    worker = Hyperion::WorkerHandle.new(pid, @reader, @writer, 0)
    assert worker.kill(:timeout)
    assert_equal [true, :timeout], [worker.killed?, worker.reason]
    assert_equal Signal.list["KILL"], Process.wait2(pid).last.termsig
  end

  private

  def say(text, at: 1)
    @writer.write(text)
    @worker.read(at)
  end
end
