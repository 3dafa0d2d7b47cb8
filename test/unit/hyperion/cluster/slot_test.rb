# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/worker_handle"
require "hyperion/cluster/slot"

class SlotTest < UnitCase
  def setup
    @slot = Hyperion::Slot.new(3, 5)
    @writers = {}
  end

  def test_it_is_due_at_once_and_then_filled
    assert_equal [true, [], "worker 3", false], [@slot.due?(0), @slot.workers, @slot.to_s, @slot.serving?]
    first = fill(0)
    assert_equal [false, [first], first, false, nil], [@slot.due?(0), @slot.workers, @slot.current, @slot.serving?, @slot.due]
    boot(first, 1)
    assert_predicate @slot, :serving?
  end

  def test_W25_deaths_of_the_young_are_followed_by_growing_pauses
    pauses = Array.new(9) do |i|
      boot(fill(i), i + 0.1)
      @slot.remove(@slot.current, :crash, i + 1)
      (@slot.due - i - 1).round(3)
    end
    assert_equal [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5], pauses
    refute @slot.due?(9 + 4.9)
    assert @slot.due?(9 + 5)
  end

  def test_W25_a_worker_that_never_served_is_young_at_any_age
    fill(0)
    @slot.remove(@slot.current, :crash, 100)
    assert_equal 100.1, @slot.due
  end

  def test_W25_a_worker_that_lived_is_replaced_at_once
    @slot.remove(fill(0), :crash, 0.5)
    boot(fill(1), 1)
    assert_equal :current, @slot.remove(@slot.current, :crash, 3)
    assert @slot.due?(3)
    @slot.remove(fill(3), :crash, 3.1)
    assert_equal 0.1, (@slot.due - 3.1).round(3)
  end

  def test_W25_a_loop_is_a_row_of_deaths_without_a_life_for_too_long
    5.times do |i|
      refute @slot.crash_loop?(i)
      @slot.remove(fill(i), :crash, i)
    end
    assert @slot.crash_loop?(5)
    worker = fill(7)
    assert @slot.crash_loop?(8)
    boot(worker, 9)
    assert_equal [true, false], [@slot.crash_loop?(9.9), @slot.crash_loop?(10)]
    @slot.remove(worker, :crash, 20)
    @slot.remove(fill(20), :crash, 21)
    assert_equal [false, true], [@slot.crash_loop?(25.9), @slot.crash_loop?(26)]
  end

  def test_a_successor_boots_beside_and_takes_over
    first = boot(fill(0), 0)
    @slot.replace(:max_rss)
    assert_equal [true, :max_rss], [@slot.due?(10), @slot.replacement_reason]
    second = fill(10)
    assert_equal [false, first, second, nil], [@slot.due?(10), @slot.current, @slot.successor, @slot.take_former]
    assert_same first, @slot.take_over(12)
    assert_equal [second, nil, [first], nil], [@slot.current, @slot.successor, @slot.leaving, @slot.replacement_reason]
    assert_equal [first.pid, :max_rss, 12], @slot.take_former.to_a
    assert_nil @slot.take_former, "it is told once"
    assert_equal :leaving, @slot.remove(first, :exit, 15)
    assert_equal [second], @slot.workers
  end

  def test_a_successor_that_dies_is_tried_again_later_and_changes_nothing
    first = boot(fill(0), 0)
    @slot.replace(:max_rss)
    assert_equal :successor, @slot.remove(fill(10), :crash, 11)
    assert_equal [first, nil, false, true], [@slot.current, @slot.take_former, @slot.due?(11), @slot.due?(11.2)]
  end

  def test_where_the_current_one_dies_its_successor_stands_in
    first = boot(fill(0), 0)
    @slot.replace(:max_rss)
    second = fill(10)
    assert_equal :current, @slot.remove(first, :crash, 11)
    assert_equal [second, nil, nil, false], [@slot.current, @slot.successor, @slot.replacement_reason, @slot.due?(20)]
    assert_equal :crash, @slot.take_former.reason
  end

  def test_a_postponed_slot_is_due_later
    @slot.postpone(10)
    assert_equal [false, true], [@slot.due?(14.9), @slot.due?(15)]
  end

  private

  def fill(now)
    reader, writer = IO.pipe
    worker = Hyperion::WorkerHandle.new(@writers.size + 1, reader, IO.pipe.last, now)
    @writers[worker] = writer
    @slot.fill(worker)
    worker
  end

  def boot(worker, now)
    @writers[worker].write("booted epoll\n")
    worker.read(now)
    worker
  end
end
