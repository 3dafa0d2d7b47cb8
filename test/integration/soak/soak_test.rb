# frozen_string_literal: true

require "minitest/autorun"
require "open3"
require "rbconfig"

# What script/soak runs, for seconds instead of an hour: it finds what an app leaks and garbles, and nothing else.
class SoakTest < Minitest::Test
  PROGRAM = File.expand_path("../../../script/support/soak/soak.rb", __dir__)
  LEAKS = %w[descriptors threads memory answers].freeze

  # Heaps still grow in the first seconds of a server.
  WARMING = /\Amemory of the (master|elder) grew/

  # Both at once, since they wait most of the time.
  RUNS = Hash.new do |runs, key|
    threads = { leaking: LEAKS.join(" "), clean: "" }.transform_values { |leaks| Thread.new { SoakTest.soak(leaks) } }
    threads.each { |name, thread| runs[name] = thread.value }
    runs.fetch(key)
  end

  # @return [Array(String, Process::Status)] what it printed, and how it ended
  def self.soak(leaks)
    Open3.capture2e({ "SOAK_LEAK" => leaks }, RbConfig.ruby, "-w", PROGRAM, "--minutes", "0.2", "--seed", "1")
  end

  def test_what_leaks_is_found
    text, status = RUNS[:leaking]
    assert_equal 1, status.exitstatus, text
    assert_includes text, "NOT SOUND"
    assert_match(/^descriptors: elder \d+, in the end elder \d+/, text)
    assert_match(/^threads: elder \d+, in the end elder \d+/, text)
    assert_match(/^lost or wrong: request \d+ \(\w+, port \d+, after [\d.]+ s\): Soak::Ledger::Wrong: \d+ bytes instead of/, text)
  end

  def test_memory_that_is_kept_is_found
    text, = RUNS[:leaking]
    first, last = text.match(/^memory of the elder grew from (\d+) to (\d+) KiB/)&.captures&.map(&:to_i)
    assert_operator last - first, :>, 25_000, text
  end

  def test_a_server_that_is_well_is_not_accused
    text, = RUNS[:clean]
    faults = text[/^told to come back.*?\n(.*)\z/m, 1].lines.grep_v(WARMING).grep_v(/\A1 faults$/)
    assert_match(/SOUND/, faults.join, text)
    assert_equal 1, faults.size, text
  end
end
