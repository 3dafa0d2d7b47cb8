# frozen_string_literal: true

require_relative "../../support/unit"
require_relative "../../support/fake_engine"
require "hyperion/cluster/forking"
require "hyperion/cluster/slot"

class ForkingTest < UnitCase
  # Writes down what it was made with, and ends.
  FakeWorker = Struct.new(:path, :facts) do
    def run = File.write(path, facts.inspect) && exit!(0)
  end

  def setup
    @path = file("facts", "")
    @metrics = Hyperion::Metrics.new(1)
    @slots = [Hyperion::Slot.new(0, 5)]
  end

  def test_a_worker_knows_its_slot_and_its_seat
    forking = forking { |slot, claim, heartbeat| FakeWorker.new(@path, [slot, claim.slot, claim.block, heartbeat.class]) }
    make(forking)
    assert_equal "[0, 0, 0, Hyperion::Heartbeat]", File.read(@path)
  end

  def test_the_seat_of_a_dead_one_is_free_again
    forking = forking { FakeWorker.new(@path) }
    Hyperion::Metrics::PROCESSES_PER_WORKER.times { make(forking) }
    assert_raises(Errno::EAGAIN) { forking.worker(0, 0) }
    forking.release(@former)
    make(forking)
  end

  def test_a_worker_holds_no_pipe_of_another
    pipes = IO.pipe
    @slots.first.fill(Hyperion::WorkerHandle.new(Process.pid, *pipes, 0))
    forking = forking { FakeWorker.new(@path, pipes.map(&:closed?)) }
    make(forking)
    assert_equal ["[true, true]", [false, false]], [File.read(@path), pipes.map(&:closed?)]
  ensure
    pipes&.each(&:close)
  end

  private

  def forking(&) = Hyperion::Forking.new(metrics: @metrics, slots: @slots, &)

  def make(forking)
    @former = forking.worker(0, 0)
    Process.wait(@former.pid)
    @former.ended(0)
  end
end
