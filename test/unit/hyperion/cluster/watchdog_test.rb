# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/worker_handle"
require "hyperion/cluster/slot"
require "hyperion/cluster/watchdog"

class WatchdogTest < UnitCase
  Settings = Struct.new(:worker_timeout, :worker_boot_timeout)
  Counts = Struct.new(:stalls) { def stalled = self.stalls += 1 }

  # Takes lines as they are said.
  class Notes
    attr_reader :lines

    def initialize = @lines = []
    def error(message, **fields) = @lines << [message, *fields.values].join(" ")
  end

  def setup
    @log = Notes.new
    @slot = Hyperion::Slot.new(0, 60)
    @watchdog = Hyperion::Watchdog.new(Settings.new(10, 600), @log, [@slot], @counts = Counts.new(0))
    @pid = fork { sleep }
    reader, @writer = IO.pipe
    @orders, commands = IO.pipe
    @worker = Hyperion::WorkerHandle.new(@pid, reader, commands, 0)
    @slot.fill(@worker)
    @turn = 0
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
    say("booted epoll\nbeat 0 0 0 #{@turn += 1}\n", at: 9)
    round(18.9)
    assert_empty @log.lines
  end

  def test_a_silent_worker_is_asked_and_told_of_and_killed
    round(10)
    assert_equal "backtraces\n", @orders.readpartial(100)
    assert_empty @log.lines
    round(11.9)
    assert_empty @log.lines
    round(12)
    assert_match(/\Aworker 0 \(#{@pid}\) does not answer: thread #{@pid} /, @log.lines.first)
    assert_equal "worker 0 (#{@pid}) has sent no heartbeat for 10 s and is killed", @log.lines.last
    assert_equal [Signal.list["KILL"], :timeout], [Process.wait2(@pid).last.termsig, @worker.reason]
  end

  def test_a_silent_worker_that_answers_is_left_alone
    round(10)
    say("beat 0 0 0 #{@turn += 1}\nthread main sleeps\nbacktraces_complete\n", at: 11)
    round(11)
    assert_empty @log.lines
    round(21)
    assert_equal "backtraces\n" * 2, @orders.readpartial(100), "it is asked anew"
    refute_predicate @worker, :backtraces_complete?
  end

  def test_a_stopped_worker_is_not_asked_for_long
    @worker.stopped(0)
    round(5)
    assert_equal ["worker 0 (#{@pid}) was stopped 5 s ago and does not go on and is killed"], @log.lines
  end

  def test_a_worker_that_begins_nothing_is_told_of_and_replaced_when_nothing_comes_on
    [1, 2, 3, 4, 5].each { |at| say("booted epoll\nbeat 3 5 #{at} #{@turn += 1}\n", at: at) }
    round(5)
    say("beat 3 5 5 #{@turn += 1}\nthread one sleeps\va.rb:1\vb.rb:2\nthread two runs\vc.rb:3\nbacktraces_complete\n", at: 5.1)
    round(5.1)
    named = "worker 0 (#{@pid})"
    told = ["#{named}: thread one sleeps a.rb:1\nb.rb:2", "#{named}: thread two runs c.rb:3",
            "#{named} has 3 requests waiting and has begun none of them for 3.3 s"]
    assert_equal [told, 1, nil], [@log.lines, @counts.stalls, @slot.replacement_reason]
    (6..14).each { |at| say("beat 3 5 5 #{@turn += 1}\n", at: at) && round(at) }
    assert_equal [told, nil], [@log.lines, @slot.replacement_reason]
    2.times { round(15) }
    assert_equal ["#{named} has made no progress for 10 s while requests wait, and is replaced"], @log.lines - told
    assert_equal [:timeout, false, 1], [@slot.replacement_reason, @worker.killed?, @counts.stalls]
  end

  def test_a_worker_that_begins_again_is_forgiven
    say("booted epoll\nbeat 3 5 5 1\n", at: 1)
    round(5)
    say("backtraces_complete\n", at: 5)
    round(5.1)
    say("beat 3 6 6 2\n", at: 6)
    round(6)
    assert_nil @worker.asked_at
    say("beat 3 6 6 3\n", at: 10)
    round(10)
    assert_equal 10, @worker.asked_at
  end

  def test_H4_a_worker_that_never_boots_is_killed
    (1..599).each { |at| say("beat 0 0 0 0\n", at: at) && round(at) }
    assert_empty @log.lines
    say("beat 0 0 0 0\n", at: 600)
    round(600)
    say("thread main sleeps\va.rb:1\nbacktraces_complete\n", at: 600)
    round(600.1)
    assert_equal "worker 0 (#{@pid}) has not booted for 600 s and is killed", @log.lines.last
    assert_equal ["has not booted for 600 s", :timeout], [@worker.failure, @worker.reason]
  end

  def test_G3_silence_does_not_count_while_the_master_itself_was_held_up
    @watchdog.note_turn(0)
    @watchdog.note_turn(1)
    @watchdog.note_turn(100)
    round(100)
    round(109)
    assert_nil @worker.asked_at
    @watchdog.note_turn(101)
    round(110)
    assert @worker.asked_at
  end

  def test_who_leaves_must_be_gone_in_time_but_need_not_make_progress
    say("booted epoll\nbeat 3 5 5 #{@turn += 1}\n", at: 1)
    @slot.replace(:timeout)
    @slot.fill(successor = Hyperion::WorkerHandle.new(1_000_000_000, @reader2 = IO.pipe.first, IO.pipe.last, 1))
    assert_equal successor, @slot.take_over(1).retire(20) && @slot.current
    15.times { |second| say("beat 3 5 5 #{@turn += 1}\n", at: 5 + second) }
    round(19.9)
    assert_empty @log.lines
    round(20)
    say("thread one sleeps\nbacktraces_complete\n", at: 20)
    round(20.1)
    assert_match(/was replaced and did not end in time and is killed/, @log.lines.last)
    assert_predicate @worker, :killed?
  end

  def test_at_the_end_everybody_is_killed_once
    assert @watchdog.kill_all
    refute @watchdog.kill_all
    assert_equal ["worker 0 (#{@pid}) did not stop in time and is killed"], @log.lines
  end

  private

  def round(now) = @watchdog.round(now)

  def say(text, at:)
    @writer.write(text)
    @worker.read(at)
  end
end
