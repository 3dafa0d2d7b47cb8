# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/event_queue"
require "hyperion/process/signals"

# Each test forks, so that this process keeps its own handlers.
class SignalsTest < UnitCase
  # Forces nobody, and remembers what it was told.
  class FakeForcedExit
    def arms = @arms ||= []
    def arm(*times, **terms) = arms << [*times, *terms.keys]
    def watch = nil
  end

  def test_before_anything_is_loaded_a_request_to_stop_ends_the_process
    { TERM: 143, INT: 130, QUIT: 131 }.each do |name, status|
      _, ended = forked do
        Hyperion::Signals.start
        kill(name)
        sleep
      end
      assert_equal status, ended.exitstatus
    end
  end

  def test_G4_while_the_app_loads
    told, ended = in_child do |signals, out|
      signals.boot { out.write("cleaned") }
      %i[HUP USR1 USR2 TTIN TTOU].each { |name| kill(name) }
      kill(:TERM)
      sleep
    end
    assert_equal ["cleaned", 143], [told, ended.exitstatus]
  end

  def test_G4_a_process_without_a_master_is_told_all
    told, = in_child do |signals, out, event_queue|
      signals.single(30)
      names = %i[HUP USR1 USR2 TTIN TTOU QUIT TERM]
      names.each { |name| kill(name) }
      out.write((names - event_queue.take(5).first).inspect)
    end
    assert_equal "[]", told
  end

  def test_G4_an_interrupt_behind_a_request_to_stop_is_obeyed_at_once
    [%i[INT INT], %i[TERM INT], %i[TERM QUIT INT]].each do |names|
      told, ended = in_child do |signals, out|
        signals.single(30)
        at_exit { out.write("at_exit") }
        names.each { |name| kill(name) }
        sleep
      rescue SystemExit => e
        out.write("exit #{e.status} ")
        raise
      end
      assert_match(/\Aexit 130 /, told)
      assert_equal 99, ended.exitstatus, "the exception reached the end of the child's block"
    end
  end

  def test_G4_a_third_interrupt_needs_nobody_s_help
    _, ended = in_child do |signals|
      signals.single(30)
      kill(:TERM)
      begin
        kill(:INT)
        sleep
      ensure
        kill(:INT)
        sleep
      end
    end
    assert_equal 130, ended.exitstatus
  end

  def test_G4_a_storm_of_requests_to_stop_is_one
    told, = in_child do |signals, out, event_queue|
      signals.single(30)
      50.times { kill(:TERM) }
      out.write(event_queue.take(5).first.uniq.inspect)
    end
    assert_equal "[:TERM]", told
  end

  def test_a_worker_that_boots_ends_at_once
    _, ended = in_child do |signals|
      signals.worker_boot
      kill(:INT)
      kill(:TERM)
      sleep
    end
    assert_equal 0, ended.exitstatus
  end

  def test_a_worker_leaves_interrupts_to_its_master
    told, = in_child do |signals, out, event_queue|
      signals.worker_boot
      signals.worker(30)
      %i[INT INT TERM].each { |name| kill(name) }
      out.write(event_queue.take(5).first.inspect)
    end
    assert_equal "[:TERM]", told
  end

  def test_a_master_hears_of_its_children
    told, = in_child do |signals, out, event_queue|
      signals.master(30)
      Process.wait(fork { exit!(0) })
      out.write(event_queue.take(5).first.inspect)
    end
    assert_equal "[:CHLD]", told
  end

  def test_each_stage_says_what_the_end_may_take
    forced_exit = FakeForcedExit.new
    told, = forked do |out|
      signals = Hyperion::Signals.new(Hyperion::EventQueue.new)
      signals.watch(forced_exit)
      signals.master(7)
      signals.single(6)
      signals.worker_boot
      signals.worker(5)
      out.write(forced_exit.arms.inspect)
    end
    assert_equal [[0, :boots], [7], [6], [0, :boots, :master], [5, :master]].inspect, told
  end

  def test_handlers_are_given_back
    told, = in_child do |signals, out|
      Signal.trap("USR1") { out.write("former") }
      signals.boot
      signals.single(30)
      signals.restore
      kill(:USR1)
    end
    assert_equal "former", told
  end

  private

  def in_child
    forked do |out|
      event_queue = Hyperion::EventQueue.new
      signals = Hyperion::Signals.new(event_queue)
      signals.watch(FakeForcedExit.new)
      yield signals, out, event_queue
    end
  end

  # Ruby runs handlers between two instructions of the main thread.
  def kill(name)
    Process.kill(name, Process.pid)
    sleep 0.02
    nil
  end
end
