# frozen_string_literal: true

require_relative "scheduler_case"

# How fibers begin, go on and end, whatever happens around them.
class SchedulerLifeTest < HyperionTest::SchedulerCase
  def test_enumerators_within_fibers
    skip "the fiber of an enumerator blocks its thread in this Ruby" if Enumerator.new { |yielder| yielder << Fiber.current.blocking? }.next
    assert_equal [[1, 2], 3], waits_alone {
      numbers = Enumerator.new { |yielder| 3.times { |n| sleep(MOMENT_S) && yielder << n + 1 } }
      [[numbers.next, numbers.next], numbers.next]
    }
  end

  def test_exceptions_and_throws_stay_in_their_fiber
    assert_equal :caught, waits_alone {
      begin
        sleep(MOMENT_S)
        raise KeyError
      rescue KeyError
        :caught
      end
    }
    assert_equal :thrown, waits_alone {
      catch(:out) do
        sleep(MOMENT_S)
        throw :out, :thrown
      end
    }
  end

  def test_what_a_fiber_raises_and_nobody_rescues_ends_the_thread
    assert_raises(KeyError) { scheduled { Fiber.schedule { sleep(MOMENT_S) && raise(KeyError) } } }
  end

  def test_a_fiber_that_another_thread_interrupts
    interrupted = nil
    scheduled do
      scheduler = Fiber.scheduler
      fiber = Fiber.schedule do
        sleep
      rescue KeyError => e
        interrupted = e
      end
      Thread.new { sleep(MOMENT_S) && scheduler.fiber_interrupt(fiber, KeyError.new("now")) }
    end
    assert_equal "now", interrupted.message
  end

  def test_fibers_that_begin_fibers
    order = []
    scheduled do
      Fiber.schedule do
        order << 1
        Fiber.schedule { order << 2 && sleep(MOMENT_S) && order << 4 }
        order << 3
      end
    end
    assert_equal [1, 2, 3, 4], order
  end

  def test_fork_inside
    assert_equal [true, "child"], waits_alone {
      reader, writer = IO.pipe
      pid = fork do
        writer.write("child")
        sleep(MOMENT_S)
        exit!(0)
      end
      writer.close
      [Process.wait2(pid).last.success?, reader.read]
    }
  end

  def test_fibers_survive_the_collector
    skip "compaction is not for this machine" unless GC.respond_to?(:compact)
    woken = 0
    scheduled do
      200.times { Fiber.schedule { Object.new.then { sleep(MOMENT_S * 5) } && woken += 1 } }
      Fiber.schedule { 3.times { GC.start && GC.compact && sleep(0.001) } }
    end
    assert_equal 200, woken
  end

  def test_ten_thousand_asleep_wake_all
    woken = 0
    scheduled { 10_000.times { Fiber.schedule { sleep(0.1) && woken += 1 } } }
    assert_equal 10_000, woken
  end

  # What is popped by a fiber was pushed by a thread that runs at the same time.
  def test_no_wake_up_from_other_threads_is_lost
    received = []
    scheduled do
      queue = Thread::Queue.new
      4.times { |n| Thread.new { 500.times { |m| queue << n * 500 + m } } }
      20.times { Fiber.schedule { 100.times { received << queue.pop } } }
    end
    assert_equal (0...2000).to_a, received.sort
  end

  def test_what_waits_for_itself_is_an_error
    scheduler = Hyperion::Scheduler.new
    assert_raises(Hyperion::Error) { scheduler.kernel_sleep(1) }
    scheduler.close
    assert_raises(Hyperion::Error) { scheduler.fiber { nil } }
  end

  def test_the_pool_makes_no_more_threads_than_it_may_and_hands_on_what_is_raised
    pool = Hyperion::Scheduler::Pool.new(2)
    running = most = 0
    lock = Mutex.new
    threads = Array.new(8) do
      Thread.new do
        pool.run do
          lock.synchronize { most = [most, running += 1].max }
          sleep(MOMENT_S)
          lock.synchronize { running -= 1 }
        end
      end
    end
    threads.each(&:join)
    assert_equal 2, most
    assert_raises(KeyError) { pool.run { raise KeyError } }
  end
end
