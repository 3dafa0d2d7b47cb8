# frozen_string_literal: true

require "minitest/autorun"
require "open3"
require "tmpdir"
require_relative "../../bench/bench"

module BenchTest
  # Two results side by side: what has changed, what is noise, and what cannot be compared.
  class BenchCompareTest < Minitest::Test
    PLACE = { row: "hello", case: "100 connections", server: "puma" }.freeze

    def setup
      @folder = Dir.mktmpdir("bench-compare")
    end

    def teardown = FileUtils.rm_rf(@folder)

    # Writes a result as a sweep does.
    # @param cells [Hash{Hash=>Array<Hash>}] runs by their place
    # @param ends [Hash{Hash=>Hash}] lines of cells by their place
    # @return [String] its folder
    def result(name, cells, machine: {}, ends: {})
      journal = Bench::Journal.new("#{@folder}/#{name}")
      journal.record("machine", { kernel: "6", time: name, **machine })
      cells.each { |place, runs| runs.each { |run| journal.record("run", { **place, **run }) } }
      ends.each { |place, facts| journal.record("cell", { **place, **facts }) }
      journal.folder
    end

    def runs(key, *values) = values.map { |value| { key => value } }

    # @return [Array(Integer, String, String)] status, table and message
    def compare(*paths)
      status = nil
      output, message = capture_io { status = Bench::Command.run(["compare", *paths]) }
      [status, output, message]
    end

    # @return [Array(Integer, String)] status, and the line of the only cell
    def change(before, after)
      status, output = compare(result("a", { PLACE => before }), result("b", { PLACE => after }))
      [status, output[/^\| hello .*/]]
    end

    def test_a_change_beyond_the_noise_is_flagged_as_what_it_means
      { rps: %w[worse better], cpu_per_100k: %w[better worse], p99_us: %w[better worse], memory_kib: %w[better worse] }.each do |key, (less, more)|
        { [800, 805, 810] => less, [1200, 1205, 1210] => more }.each do |values, expected|
          status, line = change(runs(key, 1000, 1005, 1010), runs(key, *values))
          assert_includes line, "**#{expected}**", key
          assert_equal expected == "worse" ? 1 : 0, status, key
        end
      end
    end

    def test_numbers_and_the_change_are_told
      status, line = change(runs(:p99_us, 2000.0, 2000.0, 2000.0), runs(:p99_us, 3000.0, 3000.0, 3000.0))
      assert_equal [1, true], [status, line.include?("2.00 → 3.00 (+50.0 %) **worse**")], line
    end

    def test_noise_is_not_flagged
      { "overlapping runs" => [[100, 101, 120], [119, 130, 131]], "medians closer than the runs of one side" => [[100, 108, 110], [111, 115, 130]],
        "less than 3 %" => [[1000, 1000, 1000], [1020, 1020, 1020]], "two runs" => [[100, 100], [200, 200]],
        "a single run on a side" => [[100, 101, 102], [200]] }.each do |what, (before, after)|
        [[before, after], [after, before]].each do |sides|
          status, line = change(*sides.map { |values| runs(:rps, *values) })
          assert_equal 0, status, what
          refute_match(/worse|better/, line, what)
        end
      end
    end

    def test_errors_that_were_not_there_are_worse
      status, line = change(runs(:errors, 0, 0, 0), runs(:errors, 5, 6, 7))
      assert_equal 1, status
      assert_includes line, "0 → 6 **worse**"
    end

    def test_the_rule_is_told_below_the_table
      _, output = compare(*%w[a b].map { |name| result(name, { PLACE => runs(:rps, 1) }) })
      assert_includes output, Bench::Difference::RULE
    end

    def test_what_is_in_one_side_only_is_listed_with_its_reason
      other, third = %w[itsi thin].map { |server| { **PLACE, server: server } }
      a = result("a", { PLACE => runs(:rps, 1), other => runs(:rps, 1) })
      b = result("b", { PLACE => runs(:rps, 1), third => runs(:rps, 1) }, ends: { other => { failure: "not installed", skipped: true } })
      status, output = compare(a, b)
      assert_equal 0, status
      assert_includes output, "- only in A: hello, 100 connections: itsi (not installed)\n"
      assert_includes output, "- only in B: hello, 100 connections: thin\n"
    end

    def test_a_server_that_fails_where_it_did_not_is_worse
      other = { **PLACE, server: "itsi" }
      a = result("a", { PLACE => runs(:rps, 1), other => runs(:rps, 1) })
      b = result("b", { PLACE => runs(:rps, 1) }, ends: { other => { failure: "run 1: no answer", skipped: false } })
      status, output = compare(a, b)
      assert_equal 1, status
      assert_match(/\*\*worse\*\*: hello, 100 connections, itsi fails in B: run 1: no answer/, output)
      assert_equal 0, compare(b, a).first
    end

    def test_machines_that_differ_are_warned_of_at_the_top
      sides = { "a" => { kernel: "6", servers: { "puma" => "5", "thin" => "1" } }, "b" => { kernel: "7", servers: { "puma" => "6" } } }
      _, output = compare(*sides.map { |name, facts| result(name, { PLACE => runs(:rps, 1) }, machine: facts) })
      assert_match(/Warning: .*\n\n- kernel: 6 → 7\n- servers, puma: 5 → 6\n\n\| row/, output)
      _, output = compare(*%w[a b].map { |name| result(name, { PLACE => runs(:rps, 1) }) })
      refute_includes output, "Warning"
    end

    def test_a_file_is_as_good_as_its_folder
      path = "#{result("a", { PLACE => runs(:rps, 1) })}/runs.jsonl"
      assert_equal 0, compare(path, File.dirname(path)).first
    end

    def test_what_cannot_be_compared_is_told
      good = result("good", { PLACE => runs(:rps, 1) })
      broken = "#{@folder}/broken.jsonl"
      File.write(broken, "#{File.read("#{good}/runs.jsonl")}{\"kind\":\"run\",\n")
      strange = "#{@folder}/strange.jsonl"
      File.write(strange, "[1]\n")
      { [good] => /takes two results/, [good, "#{@folder}/none"] => /none cannot be read: No such file/, [good, @folder] => /runs.jsonl cannot be read/,
        [broken, good] => /broken.jsonl:3: is no JSON/, [good, strange] => /strange.jsonl:1: is no record/,
        [good, result("empty", {})] => /no cell has a run/,
        [good, result("other", { { **PLACE, row: "log" } => runs(:rps, 1) })] => /no measured cell in common/ }.each do |paths, expected|
        status, output, message = compare(*paths)
        assert_equal [2, ""], [status, output], expected.inspect
        assert_match expected, message
      end
    end

    def test_the_command_builds_nothing
      path = "#{@folder}/none"
      output, status = Open3.capture2e("#{Bench::ROOT}/script/bench", "compare", path, path)
      assert_equal ["script/bench: #{path} cannot be read: No such file or directory\n", 2], [output, status.exitstatus]
    end
  end
end
