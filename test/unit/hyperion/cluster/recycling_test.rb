# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/worker_handle"
require "hyperion/cluster/recycling"
require "hyperion/cluster/slot"

class RecyclingTest < UnitCase
  # Takes lines as they are said.
  class Notes
    attr_reader :lines

    def initialize = @lines = []
    %i[info warn].each { |level| define_method(level) { |message, **fields| @lines << [level, message, fields] } }
  end

  MANY = 1_000_000

  def setup
    @log = Notes.new
    @slots = Array.new(3) { |index| Hyperion::Slot.new(index, 60) }
    @writers = {}
  end

  def test_nobody_is_replaced_without_a_reason
    recycling = recycling_with("--worker-max-rss-mb", MANY)
    @slots.each { |slot| boot(slot) }
    recycling.round(100)
    assert_equal [[nil] * 3, []], [@slots.map(&:replacement_reason), @log.lines]
  end

  def test_those_that_served_enough_are_replaced_one_after_the_other_in_the_order_of_asking
    recycling = recycling_with
    workers = @slots.map { |slot| boot(slot) }
    say(workers[2], "spent 5\n", 7)
    say(workers[0], "spent 5\n", 8)
    2.times { recycling.round(9) }
    assert_equal [nil, nil, :max_requests], @slots.map(&:replacement_reason)
    boot(@slots[2])
    @slots[2].take_over(10)
    recycling.round(10)
    assert_equal [nil, nil, nil], @slots.map(&:replacement_reason), "one still leaves"
    @slots[2].remove(workers[2], :exit, 11)
    recycling.round(11)
    assert_equal [:max_requests, nil, nil], @slots.map(&:replacement_reason)
  end

  def test_nobody_is_replaced_while_a_place_is_empty
    recycling = recycling_with
    say(boot(@slots[0]), "spent 5\n", 7)
    boot(@slots[1])
    recycling.round(9)
    assert_nil @slots[0].replacement_reason
    boot(@slots[2])
    recycling.round(9)
    assert_equal :max_requests, @slots[0].replacement_reason
  end

  def test_one_that_grows_above_its_memory_is_replaced
    growing = child_process
    limit = (Hyperion::Memory.used(growing.pid) / Hyperion::Memory::MIB) + 20
    recycling = recycling_with("--worker-max-rss-mb", limit)
    @slots.each_with_index { |slot, index| boot(slot, pid: index == 1 ? growing.pid : child_process.pid) }
    recycling.round(1)
    growing.write("grow\n")
    assert_equal "grown\n", growing.gets
    recycling.round(2)
    assert_nil @slots[1].replacement_reason, "it is measured at intervals"
    recycling.round(6)
    assert_equal [nil, :max_rss, nil], @slots.map(&:replacement_reason)
    assert_operator @log.lines.last[2].fetch(:mb), :>, limit
  end

  def test_one_that_was_born_too_heavy_is_not_replaced_for_it
    recycling = recycling_with("--worker-max-rss-mb", 1)
    @slots.each { |slot| boot(slot, pid: child_process.pid) }
    [1, 6, 11].each { |now| recycling.round(now) }
    assert_equal [nil] * 3, @slots.map(&:replacement_reason)
    assert_equal 1, @log.lines.size
    assert_match(/worker_max_rss_mb has no effect: a worker that has served no request uses \d+ MB/, @log.lines[0][1])
  end

  private

  def recycling_with(*words) = Hyperion::Recycling.new(configure("-w", "3", *words.map(&:to_s)), @log, @slots)

  def boot(slot, pid: Process.pid)
    reader, writer = IO.pipe
    worker = Hyperion::WorkerHandle.new(pid, reader, IO.pipe.last, 0)
    @writers[worker] = writer
    slot.fill(worker)
    say(worker, "booted epoll\n", 0)
  end

  def say(worker, text, now)
    @writers[worker].write(text)
    worker.read(now)
    worker
  end

  # A process that takes 50 MiB for each line.
  def child_process
    script = "$stdout.sync = true; puts 'ready'; kept = []; while gets; kept << 'x' * (50 << 20); puts 'grown'; end"
    IO.popen([RbConfig.ruby, "--disable-gems", "-e", script], "r+").tap { |io| (@processes ||= []) << io && io.gets }
  end

  def teardown
    @processes&.each(&:close)
    super
  end
end
