# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/thread_backtraces"

class ThreadBacktracesTest < UnitCase
  def test_each_thread_has_a_title_and_frames_on_one_line_each
    gate = Thread::Queue.new
    named = Thread.new { gate.pop }
    named.name = "a\nname"
    nameless = Thread.new { gate.pop }
    eventually { [named, nameless].all?(&:stop?) }
    all = Hyperion::ThreadBacktraces.all
    assert_equal ["a name sleeps"], all.map(&:first).grep(/name/)
    assert_match(/backtraces_test\.rb:\d+/, all.find { |title, _| title == "a name sleeps" }.join("\n"))
    assert(all.any? { |title, *| title.match?(/Thread.*backtraces_test\.rb:\d+ sleeps/) }, all.inspect)
    assert_empty all.flatten.grep(/[\n\v]/)
  ensure
    [named, nameless].each(&:kill)
  end

  def test_the_asking_thread_is_left_out
    titles = Thread.new { Hyperion::ThreadBacktraces.all.map(&:first) }.value
    assert_equal 1, titles.grep(/\Amain /).size
    refute_includes Hyperion::ThreadBacktraces.all.map(&:first).join, "main"
  end

  def test_deep_recursion_is_cut
    deep = Thread.new { dive(1000) }
    eventually { deep.stop? }
    longest = Hyperion::ThreadBacktraces.all.map(&:size).max
    assert_equal Hyperion::ThreadBacktraces::FRAMES_MAX + 1, longest
  ensure
    deep.kill
  end

  private

  def dive(depth) = depth.zero? ? sleep : dive(depth - 1)
end
