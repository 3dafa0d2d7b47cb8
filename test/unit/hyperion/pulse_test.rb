# frozen_string_literal: true

require_relative "../support/unit"
require "hyperion/mailbox"
require "hyperion/pulse"

class PulseTest < UnitCase
  def setup
    @reader, @writer = IO.pipe
    @alive, @master = IO.pipe
    @mailbox = Hyperion::Mailbox.new
  end

  def test_it_tells_that_requests_are_served_or_why_not
    pulse = Hyperion::Pulse.new(@writer, @alive, Process.ppid)
    pulse.booted("epoll")
    pulse.failed("a\nb")
    assert_equal "booted epoll\nfailed a\vb\n", @reader.readpartial(100)
  end

  def test_it_beats
    thread = Hyperion::Pulse.new(@writer, @alive, Process.ppid).start(@mailbox, grace_s: 1)
    assert IO.select([@reader], nil, nil, 3)
    assert_equal ".", @reader.readpartial(1)
  ensure
    thread.kill
  end

  def test_W25_the_death_of_the_master_is_an_event_for_a_worker_that_serves
    pulse = Hyperion::Pulse.new(@writer, @alive, Process.ppid)
    pulse.booted("epoll")
    thread = pulse.start(@mailbox, grace_s: 60)
    @master.close
    assert_equal [:orphaned], @mailbox.take(5).first
  ensure
    thread.kill
  end

  def test_W25_it_is_the_end_of_a_worker_that_boots
    # The end of the pipe that stands for the master is open here until the child runs.
    pid = fork do
      @master.close
      Hyperion::Pulse.new(@writer, @alive, Process.ppid).start(@mailbox, grace_s: 60)
      sleep
    end
    @master.close
    assert_equal 1, Process.wait2(pid).last.exitstatus
  end

  def test_W25_another_parent_means_a_dead_master
    pulse = Hyperion::Pulse.new(@writer, @alive, 999_999_999)
    pulse.booted("epoll")
    thread = pulse.start(@mailbox, grace_s: 60)
    assert_equal [:orphaned], @mailbox.take(5).first
  ensure
    thread.kill
  end

  def test_a_master_that_does_not_read_holds_nothing_up
    pulse = Hyperion::Pulse.new(@writer, @alive, Process.ppid)
    assert(20_000.times { pulse.booted("epoll") })
  end
end
