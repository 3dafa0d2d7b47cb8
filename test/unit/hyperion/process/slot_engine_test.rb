# frozen_string_literal: true

require_relative "../../support/unit"
require_relative "../../support/fake_engine"
require "hyperion/process/event_queue"
require "hyperion/process/slot_engine"
require "hyperion/process/sockets"
require "net/http"

class SlotEngineTest < UnitCase
  # One that can be without a descriptor left, and keeps the lines of the log.
  class ScarceEngine < FakeEngine
    class << self
      attr_accessor :current, :scarce
    end

    def initialize(...)
      super
      self.class.current = self
    end

    def lines = @lines ||= []
    def log(_level, message, fields) = lines << [message, *fields.values].join(" ")
    def cover(...) = self.class.scarce ? raise(Hyperion::EngineError, "nothing left") : super
  end

  APP = ->(_env) { [200, {}, ["served"]] }

  def setup
    Hyperion::EngineRunner.engine_class = ScarceEngine
    ScarceEngine.scarce = false
    @event_queue = Hyperion::EventQueue.new
    @log = Hyperion::Log.new(file: "#{dir}/log")
  end

  def teardown
    @slot_engine&.stop
    @sockets&.end_listening
    Hyperion::EngineRunner.engine_class = FakeEngine
    super
  end

  def test_it_serves_what_comes_to_its_slot_and_ends
    start
    assert_equal "served", Net::HTTP.get("127.0.0.1", "/", @sockets.listeners.port)
    assert_equal ["fake", nil], [@slot_engine.io_driver, @slot_engine.pause_s]
    @slot_engine.drain(2, for_good: true)
    assert_equal [[[:drained, true]], true], [events, @slot_engine.draining?]
    assert @slot_engine.stop
  end

  def test_one_that_has_not_started_has_nothing_to_end
    assert slot_engine.stop
  end

  def test_it_accepts_for_another_slot_until_told_otherwise
    start("-w", "3")
    @slot_engine.cover(2)
    @slot_engine.uncover(2)
    assert_equal [[:cover, 2, 1], [:uncover, 2]], calls
  end

  def test_who_cannot_accept_for_another_slot_tells_it_once_and_tries_again
    start("-w", "2")
    ScarceEngine.scarce = true
    @slot_engine.cover(1)
    @slot_engine.round
    assert_equal [Hyperion::SlotEngine::RETRY_S, 1], [@slot_engine.pause_s, ScarceEngine.current.lines.grep(/nothing left/).size]
    ScarceEngine.scarce = false
    @slot_engine.round
    assert_equal [nil, [[:cover, 1, 1]]], [@slot_engine.pause_s, calls]
  end

  def test_nothing_is_tried_again_during_the_drain
    start("-w", "2")
    ScarceEngine.scarce = true
    @slot_engine.cover(1)
    @slot_engine.drain(2, for_good: false)
    ScarceEngine.scarce = false
    @slot_engine.round
    assert_empty calls
  end

  def test_at_the_end_of_all_each_takes_what_has_connected_to_any
    start("-w", "3", "--worker-model", "reuseport", slot: 1)
    @slot_engine.cover_all
    assert_equal [[:cover, 0, 1], [:cover, 2, 1]], calls
  end

  def test_at_the_end_of_all_sockets_that_all_have_are_covered_already
    start("-w", "3", "--worker-model", "share", slot: 1)
    @slot_engine.cover_all
    assert_equal [[:cover, 0, 0], [:cover, 2, 0]], calls
  end

  def test_behind_the_last_call_its_sockets_are_closed
    start
    @slot_engine.last_call(0)
    assert_equal [[:retired, false]], events
    assert(@sockets.listeners.for_slot(0).all?(&:closed?))
    assert_includes calls, :last_call
  end

  def test_an_executor_can_be_replaced_and_an_engine_cannot
    start
    @slot_engine.replace(0)
    assert_match(/executor thread died and is replaced/, ScarceEngine.current.lines.last)
    assert_raises(Hyperion::EngineError) { @slot_engine.replace(:engine) }
  end

  def test_log_and_certificates_are_read_again
    start
    File.rename("#{dir}/log", "#{dir}/old")
    @slot_engine.read_again
    assert_equal [true, true], [File.exist?("#{dir}/log"), calls.include?(:reopen_log)]
  end

  private

  def start(*words, slot: 0) = slot_engine(*words, slot: slot).start(APP)

  def slot_engine(*words, slot: 0)
    configuration = configure("-p", "0", "-t", "1", *words)
    @sockets = Hyperion::Sockets.new(configuration)
    @slot_engine = Hyperion::SlotEngine.new(slot: slot, claim: Hyperion::Metrics.new.claim(slot), configuration: configuration, log: @log,
                                            event_queue: @event_queue, sockets: @sockets, certificates: Hyperion::Certificates.new(configuration.bind))
  end

  def calls = ScarceEngine.current.calls
  def events = @event_queue.take(5).first
end
