# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/event_queue"
require "hyperion/process/notice"

class NoticeTest < UnitCase
  # What a notice asks of the terminal, and tells the metrics.
  Terminal = Struct.new(:hung_up?)
  Metrics = Struct.new(:phase)

  def setup
    @event_queue = Hyperion::EventQueue.new
    @metrics = Metrics.new(:serving)
    @log = Hyperion::Log.new(file: "#{dir}/log")
  end

  def test_without_a_delay_the_stop_follows
    one = notice
    one.give(:TERM)
    assert_equal [true, :draining, [[:leave, :TERM]]], [one.given?, @metrics.phase, events]
  end

  def test_with_a_delay_the_server_serves_on
    notice(delay_s: 0.2).give(:QUIT)
    assert_equal [:draining, [], [[:leave, :QUIT]]], [@metrics.phase, events(0), events(1)]
  end

  def test_it_is_given_once
    one = notice
    %i[TERM INT TERM].each { |reason| one.give(reason) }
    assert_equal [[:leave, :TERM]], events
  end

  def test_a_hangup_stops_the_server_where_its_terminal_was_closed
    assert_equal [true, [[:leave, :HUP]]], [notice(hung_up: true).give_if_hung_up, events]
  end

  def test_another_hangup_does_not
    one = notice
    assert_equal [false, false, :serving, []], [one.give_if_hung_up, one.given?, @metrics.phase, events(0)]
  end

  private

  def notice(delay_s: 0, hung_up: false)
    Hyperion::Notice.new(event_queue: @event_queue, metrics: @metrics, log: @log, terminal: Terminal.new(hung_up), delay_s: delay_s)
  end

  def events(timeout_s = 1) = @event_queue.take(timeout_s).first
end
