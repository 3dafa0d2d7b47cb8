# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/executors"

class ExecutorsTest < UnitCase
  # Runs jobs, which are blocks, until it is closed.
  class Engine
    attr_reader :jobs

    def initialize = @jobs = Thread::Queue.new

    def run_executor
      while (job = @jobs.pop)
        job.call
      end
    end
  end

  def setup
    @engine = Engine.new
    @deaths = Thread::Queue.new
    @executors = Hyperion::Executors.new(@engine, 2, died: ->(index) { @deaths << index })
  end

  def teardown
    @engine.jobs.close
    @executors.stop
  end

  def test_G2_a_thread_that_dies_is_told_and_replaced
    [-> { Thread.exit }, -> { raise "not caught" }, -> { Thread.current.kill }, -> { throw :nowhere }].each do |fault|
      @engine.jobs << fault
      index = @deaths.pop
      assert_includes [0, 1], index
      assert @executors.replace(index)
    end
    both = Thread::Queue.new
    2.times { @engine.jobs << -> { both << Thread.current.name && sleep(0.05) } }
    assert_equal ["hyperion executor 0", "hyperion executor 1"], [both.pop, both.pop].sort
  end

  def test_an_engine_that_ends_by_itself_is_told
    @engine.jobs.close
    assert_equal :engine, @deaths.pop
  end

  def test_a_thread_that_ends_with_its_engine_is_no_death
    @executors.release
    @engine.jobs.close
    assert @executors.stop
    assert_empty @deaths
  end

  def test_none_is_replaced_while_the_server_stops
    @executors.release
    @engine.jobs << -> { Thread.exit }
    refute @executors.replace(0)
    @engine.jobs.close
    assert @executors.stop
    assert_empty @deaths
  end

  def test_threads_that_do_not_end_are_told
    @engine.jobs << -> { Thread.handle_interrupt(Object => :never) { sleep 3 } }
    Thread.pass until @engine.jobs.num_waiting < 2
    @engine.jobs.close
    refute @executors.stop
  end

  def test_threads_of_the_app_that_sleep_are_ended
    @engine.jobs << -> { sleep }
    Thread.pass until @engine.jobs.num_waiting < 2
    @engine.jobs.close
    assert @executors.stop
  end
end
