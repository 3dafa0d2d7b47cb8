# frozen_string_literal: true

require_relative "../support/unit"
require "hyperion/child"
require "hyperion/slot"
require "hyperion/watch"

class WatchTest < UnitCase
  Settings = Struct.new(:worker_timeout)

  # Takes lines as they are said.
  class Notes
    attr_reader :lines

    def initialize = @lines = []
    def error(message, **fields) = @lines << [message, *fields.values].join(" ")
  end

  def setup
    @log = Notes.new
    @slot = Hyperion::Slot.new(0)
    @watch = Hyperion::Watch.new(Settings.new(10), @log, [@slot])
    @pid = fork { sleep }
    reader, @writer = IO.pipe
    @orders, commands = IO.pipe
    @child = Hyperion::Child.new(@pid, reader, commands, 0)
    @slot.filled(@child)
    @dismissed = []
  end

  def teardown
    Process.kill(:KILL, @pid)
    Process.wait(@pid)
  rescue Errno::ESRCH, Errno::ECHILD
    nil
  ensure
    super
  end

  def test_a_worker_that_beats_is_left_alone
    say("booted epoll\nbeat 0 0\n", at: 9)
    round(18.9)
    assert_equal [[], []], [@log.lines, @dismissed]
  end

  def test_a_silent_worker_is_asked_and_told_of_and_killed
    round(10)
    assert_equal "backtraces\n", @orders.readpartial(100)
    assert_empty @log.lines
    round(11.9)
    assert_empty @log.lines
    round(12)
    assert_match(/\Aworker 0 \(#{@pid}\) runs no Ruby: thread #{@pid} /, @log.lines.first)
    assert_equal "worker 0 (#{@pid}) has given no sign of life for 10 s and is killed", @log.lines.last
    assert_equal [Signal.list["KILL"], :timeout], [Process.wait2(@pid).last.termsig, @child.reason]
  end

  def test_a_silent_worker_that_answers_is_pardoned
    round(10)
    say("beat 0 0\nthread main sleeps\ntold\n", at: 11)
    round(11)
    assert_empty @log.lines
    round(21)
    assert_equal "backtraces\n" * 2, @orders.readpartial(100), "it is asked anew"
    refute_predicate @child, :told?
  end

  def test_a_stopped_worker_is_not_asked_for_long
    @child.stopped(0)
    round(5)
    assert_equal ["worker 0 (#{@pid}) was stopped 5 s ago and does not go on and is killed"], @log.lines
  end

  def test_a_worker_without_progress_tells_its_threads_and_is_dismissed
    2.times { |i| say("booted epoll\nbeat 3 5\n", at: 1 + (10 * i)) }
    round(11)
    say("beat 3 5\nthread one sleeps\va.rb:1\vb.rb:2\nthread two runs\vc.rb:3\ntold\n", at: 11.1)
    round(11.1)
    named = "worker 0 (#{@pid})"
    assert_equal ["#{named}: thread one sleeps a.rb:1\nb.rb:2", "#{named}: thread two runs c.rb:3",
                  "#{named} has 3 requests waiting and has begun none of them for 10 s and is told to end"], @log.lines
    assert_equal [[@slot], false], [@dismissed, @child.killed?]
  end

  def test_G3_silence_does_not_count_while_the_master_itself_was_held_up
    @watch.awake(0)
    @watch.awake(1)
    @watch.awake(100)
    round(100)
    round(109)
    assert_nil @child.asked_at
    @watch.awake(101)
    round(110)
    assert @child.asked_at
  end

  def test_who_leaves_must_be_gone_in_time_but_need_not_make_progress
    say("booted epoll\nbeat 3 5\n", at: 1)
    @slot.vacate(:timeout, 1).retire(20)
    15.times { |second| say("beat 3 5\n", at: 5 + second) }
    round(19.9)
    assert_empty @log.lines
    round(20)
    say("thread one sleeps\ntold\n", at: 20)
    round(20.1)
    assert_match(/was replaced and did not end in time and is killed/, @log.lines.last)
    assert_predicate @child, :killed?
  end

  def test_at_the_end_everybody_is_killed_once
    assert @watch.kill_all
    refute @watch.kill_all
    assert_equal ["worker 0 (#{@pid}) did not stop in time and is killed"], @log.lines
  end

  private

  def round(now) = @watch.round(now) { |slot| @dismissed << slot }

  def say(text, at:)
    @writer.write(text)
    @child.read(at)
  end
end
