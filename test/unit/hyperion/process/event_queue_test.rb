# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/event_queue"

class MailboxTest < UnitCase
  def setup = @mailbox = Hyperion::Mailbox.new

  def test_events_are_taken_in_their_order
    @mailbox.post(:one)
    @mailbox.post([:two, 2])
    assert_equal [[:one, [:two, 2]], []], @mailbox.take(5)
    assert_equal [[], []], @mailbox.take(0)
  end

  def test_a_waiting_thread_is_woken_by_another
    poster = Thread.new { @mailbox.post(:woken) }
    assert_equal [:woken], @mailbox.take(10).first
    poster.join
  end

  def test_a_waiting_thread_is_woken_by_a_signal
    former = Signal.trap("USR2") { @mailbox.post(:signal) }
    killer = Thread.new { Process.kill(:USR2, Process.pid) }
    assert_equal [:signal], @mailbox.take(10).first
    killer.join
  ensure
    Signal.trap("USR2", former)
  end

  def test_inputs_are_told
    reader, writer = IO.pipe
    assert_equal [[], []], @mailbox.take(0, [reader])
    writer.write("x")
    assert_equal [[], [reader]], @mailbox.take(5, [reader])
    @mailbox.post(:both)
    assert_equal [[:both], [reader]], @mailbox.take(5, [reader])
  end

  def test_what_is_posted_for_later_comes_in_its_time_and_wakes
    @mailbox.post_in(0.05, :second)
    @mailbox.post_in(0.02, :first)
    taken = []
    taken.concat(@mailbox.take(5).first) until taken.size == 2
    assert_equal %i[first second], taken
    assert_equal [[], []], @mailbox.take(0)
  end

  def test_what_is_posted_for_later_does_not_hold_up_the_rest
    @mailbox.post_in(60, :late)
    @mailbox.post(:now)
    assert_equal [:now], @mailbox.take(5).first
  end

  def test_G4_a_storm_of_events_never_blocks_the_poster
    200_000.times { |i| @mailbox.post(i) }
    assert_equal 200_000, @mailbox.take(0).first.size
    @mailbox.take(0) until @mailbox.take(0.001) == [[], []]
  end

  def test_G4_a_forked_process_has_its_own_events_only
    @mailbox.post(:parent)
    told, = forked do |out|
      @mailbox.post(:early)
      @mailbox.after_fork
      @mailbox.post(:late)
      out.write(@mailbox.take(0).first.inspect)
    end
    assert_equal "[:early, :late]", told
    assert_equal [:parent], @mailbox.take(0).first
  end

  def test_an_event_of_a_child_wakes_but_is_not_its_parent_s
    forked { @mailbox.post(:child) }
    assert_equal [], @mailbox.take(5).first
  end
end
