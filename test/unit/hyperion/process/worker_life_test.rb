# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/application"
require "hyperion/process/event_queue"
require "hyperion/process/hooks"
require "hyperion/process/worker_life"

class WorkerLifeTest < UnitCase
  # Serves nothing, and remembers what it was told.
  class FakeSlotEngine
    attr_reader :calls

    def initialize(event_queue, ends:)
      @event_queue = event_queue
      @ends = ends
      @calls = []
    end

    def slot = 4
    def io_driver = "fake"
    def routes = nil
    def pause_s = 5
    def round = nil
    def draining? = @draining || false
    %i[start cover uncover cover_all replace read_again].each { |name| define_method(name) { |*arguments| @calls << [name, *arguments] } }

    def last_call(seconds)
      @calls << [:last_call, seconds]
      @event_queue.post([:retired, true])
    end

    def drain(seconds, for_good:)
      @draining = true
      @calls << [:drain, seconds, for_good]
      @event_queue.post([:drained, true])
    end

    def stop
      @calls << [:stop]
      @ends
    end
  end

  # Signals that never come, and a notice that is over at once; both remember.
  Recorder = Struct.new(:calls) do
    def single(grace_s) = calls << [:single, grace_s]
    def worker(grace_s) = calls << [:worker, grace_s]
    def announce_stop = calls << [:announce_stop]
    def give(reason) = calls << [:give, reason]
    def give_if_hung_up = false
  end

  APP = ->(_env) {}

  def setup
    @event_queue = Hyperion::EventQueue.new
    @signals = Recorder.new([])
    @notice = Recorder.new([])
  end

  def test_a_single_process_gives_notice_of_a_stop_and_leaves_behind_it
    assert_equal [[:start, APP], [:drain, 9, true], [:stop]], live(:TERM, %i[leave TERM], notice: @notice)
    assert_equal [[[:give, :TERM]], [[:single, 12], [:announce_stop]]], [@notice.calls, @signals.calls]
  end

  def test_a_worker_is_told_by_its_master_and_drains
    assert_equal [[:start, APP], [:drain, 9, false], [:stop]], live(:TERM)
    assert_equal [[:worker, 9], [:announce_stop]], @signals.calls
  end

  def test_a_worker_that_has_a_successor_takes_a_last_call
    assert_equal [[:start, APP], [:last_call, Hyperion::WorkerLife::LAST_CALL_S], [:drain, 9, false], [:stop]], live(:retire)
  end

  def test_where_all_stop_what_has_connected_to_any_is_taken_once
    assert_equal [[:start, APP], [:cover_all], [:drain, 9, true], [:stop]], live(:stop, :stop)
  end

  def test_a_hangup_has_files_read_again
    [nil, @notice].each do |notice|
      assert_equal [:start, :read_again, :drain, :stop], live(:HUP, :orphaned, notice: notice).map(&:first)
    end
  end

  def test_orders_about_other_slots
    assert_equal [[:cover, 1], [:uncover, 1], [:replace, 0]], live([:cover, 1], [:uncover, 1], [:died, 0], :orphaned)[1..3]
  end

  def test_hooks_run_around_it
    hooks = %w[on_worker_boot on_worker_shutdown].map { |name| "#{name} { |slot| File.write('#{dir}/#{name}', slot.to_s) }\n" }
    live(:TERM, configuration: configure("-C", file("conf.rb", hooks.join)))
    assert_equal %w[4 4], %w[on_worker_boot on_worker_shutdown].map { |name| File.read("#{dir}/#{name}") }
  end

  def test_threads_that_could_not_be_ended_are_told
    live(:TERM)
    refute_predicate @life, :threads_remain?
    live(:TERM, ends: false)
    assert_predicate @life, :threads_remain?
  end

  private

  # @return [Array<Array>] what the engine of the slot was told by a life with these events
  def live(*events, notice: nil, ends: true, configuration: configure("--graceful-timeout", "9", "--drain-delay", "3"))
    slot_engine = FakeSlotEngine.new(@event_queue, ends: ends)
    log = Hyperion::Log.new(file: "#{dir}/log")
    @life = Hyperion::WorkerLife.new(application: Hyperion::Application.new(configuration, APP), slot_engine: slot_engine, configuration: configuration,
                                     log: log, hooks: Hyperion::Hooks.new(configuration, log), event_queue: @event_queue, signals: @signals, notice: notice)
    @life.run { events.each { |event| @event_queue.post(event) } }
    slot_engine.calls
  end
end
