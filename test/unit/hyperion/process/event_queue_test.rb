# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/event_queue"

class EventQueueTest < UnitCase
  def setup = @event_queue = Hyperion::EventQueue.new

  def test_events_are_taken_in_their_order
    @event_queue.post(:one)
    @event_queue.post([:two, 2])
    assert_equal [[:one, [:two, 2]], []], @event_queue.take(5)
    assert_equal [[], []], @event_queue.take(0)
  end

  def test_a_waiting_thread_is_woken_by_another
    poster = Thread.new { @event_queue.post(:woken) }
    assert_equal [:woken], @event_queue.take(10).first
    poster.join
  end

  def test_a_waiting_thread_is_woken_by_a_signal
    former = Signal.trap("USR2") { @event_queue.post(:signal) }
    killer = Thread.new { Process.kill(:USR2, Process.pid) }
    assert_equal [:signal], @event_queue.take(10).first
    killer.join
  ensure
    Signal.trap("USR2", former)
  end

  def test_inputs_are_told
    reader, writer = IO.pipe
    assert_equal [[], []], @event_queue.take(0, [reader])
    writer.write("x")
    assert_equal [[], [reader]], @event_queue.take(5, [reader])
    @event_queue.post(:both)
    assert_equal [[:both], [reader]], @event_queue.take(5, [reader])
  end

  def test_what_is_posted_for_later_comes_in_its_time_and_wakes
    @event_queue.post_in(0.05, :second)
    @event_queue.post_in(0.02, :first)
    taken = []
    taken.concat(@event_queue.take(5).first) until taken.size == 2
    assert_equal %i[first second], taken
    assert_equal [[], []], @event_queue.take(0)
  end

  def test_what_is_posted_for_later_does_not_hold_up_the_rest
    @event_queue.post_in(60, :late)
    @event_queue.post(:now)
    assert_equal [:now], @event_queue.take(5).first
  end

  def test_G4_a_storm_of_events_never_blocks_the_poster
    200_000.times { |i| @event_queue.post(i) }
    assert_equal 200_000, @event_queue.take(0).first.size
    @event_queue.take(0) until @event_queue.take(0.001) == [[], []]
  end

  def test_G4_a_forked_process_has_its_own_events_only
    @event_queue.post(:parent)
    told, = forked do |out|
      @event_queue.post(:early)
      @event_queue.after_fork
      @event_queue.post(:late)
      out.write(@event_queue.take(0).first.inspect)
    end
    assert_equal "[:early, :late]", told
    assert_equal [:parent], @event_queue.take(0).first
  end

  def test_an_event_of_a_child_wakes_but_is_not_its_parent_s
    forked { @event_queue.post(:child) }
    assert_equal [], @event_queue.take(5).first
  end
end
