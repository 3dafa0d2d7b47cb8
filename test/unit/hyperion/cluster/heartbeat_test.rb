# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/event_queue"
require "hyperion/cluster/heartbeat"

class HeartbeatTest < UnitCase
  # What a heartbeat asks of an engine runner.
  Served = Struct.new(:stats)

  def setup
    @reader, @writer = IO.pipe
    @orders, @master = IO.pipe
    @event_queue = Hyperion::EventQueue.new
    @heartbeat = Hyperion::Heartbeat.new(@writer, @orders, Process.ppid)
  end

  def teardown
    Hyperion::EngineRunner.current = nil
    @thread&.kill&.join
    super
  end

  def test_it_tells_that_requests_are_served_or_why_not
    @heartbeat.booted("epoll")
    @heartbeat.failed("a\nb")
    assert_equal "booted epoll\nfailed a\vb\n", @reader.readpartial(100)
  end

  def test_it_beats_before_anything_is_served_and_then_tells_the_progress
    start
    assert_equal "beat 0 0 0 0\n", line
    Hyperion::EngineRunner.current = Served.new({ queue_depth: 3, work_taken: 17, progress: 40, reactor_beats: 5 })
    assert_equal "beat 3 17 40 5\n", line
  end

  def test_it_asks_once_for_a_successor_behind_its_number_of_requests_and_up_to_a_tenth_more
    Hyperion::EngineRunner.current = served = Served.new({ requests: 99 })
    start(max_requests: 100)
    assert_match(/beat/, line)
    served.stats = { requests: 110 }
    assert_equal "spent", [line, line].join[/spent/]
    assert_equal ["beat 0 0 0 0\n"] * 2, [line, line].last(2)
  end

  def test_jitter_makes_them_differ
    enough = Array.new(30) do
      reader, writer = IO.pipe
      Hyperion::EngineRunner.current = Served.new({ requests: 1_000_000 })
      thread = Hyperion::Heartbeat.new(writer, @orders, Process.ppid).start(@event_queue, grace_s: 1, max_requests: 1000)
      [reader.gets, reader.gets].last[/\d+/].to_i.tap { thread.kill }
    end
    assert_operator enough.uniq.size, :>, 5
    assert(enough.all? { |count| count.between?(1000, 1100) }, enough.inspect)
  end

  def test_it_passes_orders_on
    start
    @master.write("retire\ncover 3\nuncover 3\nstop\n")
    events = []
    events.concat(@event_queue.take(5).first) until events.size == 4
    assert_equal [:retire, [:cover, 3], [:uncover, 3], :stop], events
  end

  def test_it_tells_what_the_threads_do_though_the_main_thread_waits
    sleeper = Thread.new { sleep }
    sleeper.name = "sleeper"
    eventually { sleeper.stop? }
    start
    @master.write("backtraces\n")
    lines = []
    lines << line until lines.last == "backtraces_complete\n"
    assert_match(/\Athread sleeper sleeps\v.*heartbeat_test\.rb:\d+/, lines.grep(/sleeper/).first)
    assert_match(/\Athread main .*\v/, lines.grep(/main/).first)
    assert_empty lines.grep(/hyperion heartbeat/)
  ensure
    sleeper.kill
  end

  def test_W25_the_death_of_the_master_is_an_event_for_a_worker_that_serves
    @heartbeat.booted("epoll")
    start
    @master.close
    assert_equal [:orphaned], @event_queue.take(5).first
  end

  def test_W25_it_is_the_end_of_a_worker_that_boots
    # The end of the pipe that stands for the master is open here until the child runs.
    pid = fork do
      @master.close
      Hyperion::Heartbeat.new(@writer, @orders, Process.ppid).start(@event_queue, grace_s: 60)
      sleep
    end
    @master.close
    assert_equal 1, Process.wait2(pid).last.exitstatus
  end

  def test_W25_another_parent_means_a_dead_master
    @heartbeat = Hyperion::Heartbeat.new(@writer, @orders, 999_999_999)
    @heartbeat.booted("epoll")
    start
    assert_equal [:orphaned], @event_queue.take(5).first
  end

  def test_a_master_that_does_not_read_holds_nothing_up
    assert(20_000.times { @heartbeat.booted("epoll") })
  end

  private

  def start(**rest) = @thread = @heartbeat.start(@event_queue, grace_s: 60, **rest)

  def line
    assert IO.select([@reader], nil, nil, 5), "it says nothing"
    @reader.gets
  end
end
