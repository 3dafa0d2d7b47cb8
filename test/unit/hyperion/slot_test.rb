# frozen_string_literal: true

require_relative "../support/unit"
require "hyperion/slot"

class SlotTest < UnitCase
  def setup
    @slot = Hyperion::Slot.new(3)
  end

  def test_it_is_due_at_once_and_then_filled
    assert_equal [true, false, "worker 3"], [@slot.due?(0), @slot.alive?, @slot.to_s]
    start(0)
    assert_equal [false, true, false, nil], [@slot.due?(0), @slot.alive?, @slot.booted?, @slot.due]
  end

  def test_it_reads_that_the_worker_serves
    start(0)
    say("..boot")
    refute_predicate @slot, :booted?
    say("ed io_uring\n.")
    assert_equal [true, "io_uring", nil], [@slot.booted?, @slot.io_driver, @slot.failure]
  end

  def test_it_reads_why_the_worker_cannot
    start(0)
    say(".failed no luck\vat all\n")
    assert_equal [false, "no luck\nat all"], [@slot.booted?, @slot.failure]
  end

  def test_W25_deaths_of_the_young_are_followed_by_growing_pauses
    pauses = Array.new(9) do |i|
      start(i)
      @slot.ended(i + 0.2)
    end
    assert_equal [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5], pauses
    refute @slot.due?(8.2 + 4.9)
    assert @slot.due?(8.2 + 5)
  end

  def test_W25_a_worker_that_lived_is_replaced_at_once
    start(0)
    @slot.ended(0.5)
    start(1)
    assert_equal 0, @slot.ended(3)
    assert @slot.due?(3)
    start(3)
    assert_equal 0.1, @slot.ended(3.1)
  end

  def test_silence_is_hopeless_and_a_beat_is_hope
    start(0)
    assert_nil @slot.hopeless(59.9, 60)
    assert_match(/no sign of life for 60 s/, @slot.hopeless(60, 60))
    say(".", at: 61)
    assert_nil @slot.hopeless(120, 60)
    @slot.forgive(500)
    assert_nil @slot.hopeless(559, 60)
  end

  def test_G3_a_stopped_worker_is_hopeless_unless_it_goes_on
    start(0)
    @slot.stopped(10)
    @slot.stopped(12)
    assert_nil @slot.hopeless(14.9, 60)
    assert_match(/stopped/, @slot.hopeless(15, 60))
    say(".", at: 15)
    assert_nil @slot.hopeless(16, 60)
  end

  def test_what_is_killed_is_not_killed_again
    pid = fork { sleep }
    start(0, pid: pid)
    refute_predicate @slot, :finished?
    assert @slot.kill
    assert_predicate @slot, :finished?
    assert_nil @slot.hopeless(1000, 60)
    assert_equal Signal.list["KILL"], Process.wait2(pid).last.termsig
  end

  def test_a_postponed_slot_is_due_later
    @slot.postpone(10)
    assert_equal [false, true], [@slot.due?(14.9), @slot.due?(15)]
  end

  def test_what_was_written_before_the_end_is_read
    start(0)
    @writer.write("failed at the last moment\n")
    @writer.close
    @slot.ended(0.1)
    assert_equal "at the last moment", @slot.failure
  end

  def test_a_signal_for_nobody
    refute @slot.signal(:TERM)
    start(0, pid: 999_999_999)
    refute @slot.signal(:TERM)
  end

  private

  def start(now, pid: 1)
    reader, @writer = IO.pipe
    @slot.started(pid, reader, now)
  end

  def say(text, at: 1)
    @writer.write(text)
    @slot.read(at)
  end
end
