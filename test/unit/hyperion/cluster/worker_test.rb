# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/event_queue"
require "hyperion/cluster/worker"

# Each worker is a forked process, as it ends that.
class WorkerTest < UnitCase
  # Signals that do nothing, or fail.
  FakeSignals = Struct.new(:failure) do
    def worker_boot = failure && raise(failure)
  end

  # Serves at once, and ends; or fails.
  FakeLife = Struct.new(:failure) do
    def run
      raise failure if failure

      yield "epoll", "2 static"
    end
  end

  # Tells what its master is to hear.
  FakeHeartbeat = Struct.new(:out) do
    def start(_event_queue, **times) = out.write(times.inspect)
    def booted(*facts) = out.write(facts.inspect)
    def failed(message) = out.write(message)
  end

  TIMES = { grace_s: 9, max_requests: 50 }.inspect.freeze

  def test_it_serves_and_ends
    told, ended = run_worker
    assert_equal ["#{TIMES}[\"epoll\", \"2 static\"]", 0], [told, ended.exitstatus]
  end

  def test_its_master_is_told_why_it_does_not_serve
    told, ended = run_worker(life: FakeLife.new(Hyperion::BootError.new("no luck")))
    assert_equal ["#{TIMES}no luck", 1], [told, ended.exitstatus]
  end

  def test_its_master_is_told_of_a_failure_before_it_has_left_that_behind
    told, ended = run_worker(signals: FakeSignals.new(Hyperion::Error.new("no thread")))
    assert_equal ["no thread", 1], [told, ended.exitstatus]
  end

  def test_one_that_was_told_to_stop_before_ends_at_once
    told, ended = run_worker(heard: :TERM)
    assert_equal ["", 0], [told, ended.exitstatus]
  end

  private

  def run_worker(signals: FakeSignals.new, life: FakeLife.new, heard: nil)
    configuration = configure("--graceful-timeout", "9", "--worker-max-requests", "50", "-w", "2")
    forked do |out|
      out.sync = true
      event_queue = Hyperion::EventQueue.new
      event_queue.post(heard) if heard
      end_with_it { Hyperion::Worker.new(slot: 0, heartbeat: FakeHeartbeat.new(out), life: life, configuration: configuration, event_queue: event_queue, signals: signals).run }
    end
  end

  # Behind its exit there are this test's own handlers of the end.
  def end_with_it
    yield
  rescue SystemExit => e
    exit!(e.status)
  end
end
