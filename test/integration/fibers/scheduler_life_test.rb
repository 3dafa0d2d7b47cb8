# frozen_string_literal: true

require_relative "scheduler_case"
require "timeout"

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

  def test_a_closed_scheduler_begins_no_fiber
    scheduler = Hyperion::Scheduler.new
    scheduler.close
    assert_raises(Hyperion::Error) { scheduler.fiber { nil } }
  end

  def test_run_waits_for_the_others_also_within_a_fiber
    order = []
    scheduled do
      Fiber.schedule { sleep(MOMENT_S) && order << 1 }
      Fiber.schedule { Fiber.scheduler.run || order << 2 }
      Fiber.scheduler.run
      order << 3
    end
    assert_equal [1, 2, 3], order
  end

  def test_a_fiber_that_raises_in_another_goes_on
    order = []
    scheduled do
      waiting = Fiber.schedule do
        Thread::Queue.new.pop
      rescue KeyError => e
        order << e.message
        sleep(MOMENT_S)
        order << :end
      end
      Fiber.schedule do
        sleep(MOMENT_S)
        waiting.raise(KeyError, "raised")
        order << :raiser
      end
    end
    assert_equal ["raised", :raiser, :end], order
  end

  def test_a_handler_of_a_signal_begins_a_fiber
    script = <<~RUBY
      Fiber.set_scheduler(Hyperion::Scheduler.new)
      trap("USR1") { Fiber.schedule { sleep(0.01) && puts("handled") } }
      Fiber.schedule { Process.kill(:USR1, Process.pid) && sleep(0.1) }
    RUBY
    assert_equal ["handled\n"], lines_of(script)
  end

  # Ruby ends the child when the block of `fork` has, which waits.
  def test_a_fork_within_a_fiber_that_has_not_waited_before
    script = <<~RUBY
      Fiber.set_scheduler(Hyperion::Scheduler.new)
      $stdout.sync = true
      Fiber.schedule { Process.wait(fork { sleep(0.01) && puts("child") }) && puts("parent") }
      puts "main"
    RUBY
    assert_equal %w[child main parent], lines_of(script).map(&:chomp).sort
  end

  def test_a_time_out_in_a_forked_child
    assert_equal 7, waits_alone {
      sleep(MOMENT_S)
      pid = fork do
        Timeout.timeout(MOMENT_S) { sleep }
      rescue Timeout::Error
        exit!(7)
      end
      Process.wait2(pid).last.exitstatus
    }
  end

  def test_a_time_out_around_a_fiber_that_was_resumed_and_waits
    ended = []
    scheduled do
      Fiber.schedule do
        Timeout.timeout(MOMENT_S) { Fiber.new(blocking: false) { sleep(MOMENT_S * 5) }.resume }
        ended << :in_time
      rescue Timeout::Error
        ended << :late
      end
      Fiber.schedule { sleep(MOMENT_S * 3) && ended << :other }
    end
    assert_equal RUBY_VERSION < "3.3" ? %i[other in_time] : %i[late other], ended
  end

  # Ruby treats a process with one thread in another way than the others.
  def test_an_interrupt_of_the_only_thread
    lines = lines_of(<<~RUBY)
      trap(:INT, "DEFAULT") # Where whoever runs the tests ignores it, so would Ruby.
      Fiber.set_scheduler(Hyperion::Scheduler.new)
      spawn("sleep 0.05; kill -INT \#{Process.pid}")
      Fiber.schedule { sleep(0.3) && puts("slept") }
      begin
        Fiber.scheduler.run
      rescue Interrupt
        puts "interrupted"
      end
    RUBY
    assert_equal %W[interrupted\n slept\n], lines
  end

  def test_a_wait_of_the_only_thread_that_nobody_may_interrupt
    assert_equal ["over\n"], lines_of(<<~RUBY)
      Fiber.set_scheduler(Hyperion::Scheduler.new)
      Fiber.schedule { Thread.handle_interrupt(Object => :never) { sleep(0.01) } && puts("over") }
    RUBY
  end

  def test_a_handler_of_a_signal_that_resumes_a_fiber_which_waits
    assert_equal %W[handled\n other\n], lines_of(<<~RUBY)
      Fiber.set_scheduler(Hyperion::Scheduler.new)
      trap("USR1") { Fiber.new(blocking: false) { sleep(0.01) && puts("handled") }.resume }
      Fiber.schedule { Process.kill(:USR1, Process.pid) && sleep(0.1) && puts("other") }
    RUBY
  end

  def test_a_child_that_main_forks_while_the_loop_of_a_thread_sleeps
    mutex = Thread::Mutex.new.tap(&:lock)
    thread = Thread.new { Fiber.set_scheduler(Hyperion::Scheduler.new) || Fiber.schedule { mutex.synchronize { nil } } }
    Thread.pass until thread.stop?
    pid = fork { mutex.unlock && exit!(0) }
    assert_equal 0, Process.wait2(pid).last.exitstatus
    mutex.unlock
    assert thread.join(5)
  end

  def test_a_fiber_within_a_fiber_that_raises_in_another_goes_on
    order = []
    scheduled do
      waiting = Fiber.schedule do
        sleep
      rescue KeyError
        order << :raised
      end
      Fiber.schedule do
        Fiber.new(blocking: false) { waiting.raise(KeyError) || order << :inner }.resume
        order << :outer
      end
    end
    assert_equal %i[raised inner outer], order
  end

  # A fiber that computes keeps the loop from hearing of what has come in time.
  def test_what_has_come_in_time_is_told_before_the_time_is_over
    got = {}
    scheduled do
      reader, writer = IO.pipe
      queue = Thread::Queue.new
      Fiber.schedule { got[:pipe] = Timeout.timeout(MOMENT_S * 2) { reader.readpartial(1) } }
      Fiber.schedule { got[:queue] = Timeout.timeout(MOMENT_S * 2) { queue.pop } }
      Fiber.schedule do
        writer.write("x")
        queue << "y"
        ending = Process.clock_gettime(Process::CLOCK_MONOTONIC) + (MOMENT_S * 4)
        nil while Process.clock_gettime(Process::CLOCK_MONOTONIC) < ending
      end
    end
    assert_equal({ pipe: "x", queue: "y" }, got)
  end

  def test_an_exception_that_cannot_be_made_is_raised_where_it_was_asked_for
    raised = []
    scheduled do
      [Class.new(StandardError) { def initialize(one, two, three) = super }, Class.new { def self.exception(*) = 1 }].each do |bad|
        Fiber.schedule do
          Timeout.timeout(MOMENT_S, bad) { sleep }
        rescue Exception => e # rubocop:disable Lint/RescueException
          raised << e.class
        end
      end
    end
    assert_equal 2, raised.size
  end

  def test_a_fiber_that_yields_within_its_time_out
    ended = []
    scheduled do
      Fiber.schedule do
        inner = Fiber.new(blocking: false) do
          Timeout.timeout(MOMENT_S) { Fiber.yield }
        rescue Timeout::Error
          sleep(MOMENT_S)
          ended << :late
        end
        inner.resume
        sleep(MOMENT_S * 5)
        ended << :outer
      end
    end
    assert_equal %i[late outer], ended
  end

  def test_other_threads_may_only_wake
    scheduler = Hyperion::Scheduler.new
    Thread.new { Fiber.set_scheduler(scheduler) || Fiber.schedule { sleep(MOMENT_S) } }.join
    [-> { scheduler.run }, -> { scheduler.kernel_sleep(1) }, -> { scheduler.io_close(99) }].each do |call|
      assert_match(/belongs to another thread/, assert_raises(Hyperion::Error, &call).message)
    end
  end

  def test_seconds_whose_conversion_lets_others_go_on
    slow = Class.new(Numeric) do
      def to_f = sleep(0.001) && 5.0
      def coerce(other) = [other, 5.0]
      def divmod(other) = 5.0.divmod(other)
      def negative? = false
    end
    begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    scheduled do
      mutex, changed = Thread::Mutex.new, Thread::ConditionVariable.new
      Fiber.schedule { mutex.synchronize { changed.wait(mutex, slow.new) } }
      Fiber.schedule { mutex.synchronize { changed.signal } }
    end
    assert_operator Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun, :<, 4
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

  def test_threads_of_the_pool_that_somebody_ends
    pool = Hyperion::Scheduler::Pool.new(2)
    own = -> { Thread.list.select { |thread| thread.name == "hyperion fiber pool" } }
    others = own.call
    assert_equal 1, pool.run { 1 }
    (own.call - others).each(&:kill).each(&:join)
    assert_equal 2, pool.run { 2 }
    assert_raises(ThreadError) { pool.run { Thread.current.kill } }
    assert_equal 3, pool.run { 3 }
  end

  def test_what_the_pool_does_for_a_thread_that_is_ended_is_ended_too
    scheduled = Thread.new { Fiber.set_scheduler(Hyperion::Scheduler.new) || Fiber.schedule { Process.wait(-1) } }
    child = spawn("sleep 0.2; exit 5")
    Thread.pass until scheduled.stop?
    scheduled.kill.join
    assert_equal 5, Process.wait2(child).last.exitstatus
  end

  def test_a_thread_of_the_pool_that_is_ended_leaves_what_is_queued_to_another
    pool = Hyperion::Scheduler::Pool.new(1)
    begun = Thread::Queue.new
    stuck = Thread.new { pool.run { begun << true && sleep } }
    begun.pop
    queued = Thread.new { pool.run { :done } }
    Thread.pass until queued.stop?
    stuck.kill
    assert queued.join(5), "nobody takes it"
    assert_equal :done, queued.value
  end
end
