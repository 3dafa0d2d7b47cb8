# frozen_string_literal: true

require "minitest/autorun"
require "rexml/document"
require "stringio"
require "tmpdir"
require_relative "../../bench/bench"

module BenchTest
  # What is told about runs with known numbers: lines of JSON, plots and the page.
  class BenchReportTest < Minitest::Test
    SETTINGS = Bench::Settings.new([])
    FACTS = { command: "script/bench <all> & more", time: "now", servers: { "puma" => "puma 1.0" } }.freeze
    RUN = { requests: 1000, seconds: 1.0, errors: 0, cpu_user_s: 0.02, cpu_sys_s: 0.01, p50_us: 1000.0, p99_us: 10_000.0,
            memory_kib: 10_240, peak_kib: 20_480 }.freeze

    class FakeRow < Bench::Row
      label "fake-report"
      about "Is 1 < 2 & 3?"
    end

    class FakeServer < Bench::Server
      attr_reader :label, :missing, :version

      def initialize(label, missing: nil, version: nil, floor: false)
        super(SETTINGS)
        @label = label
        @missing = missing
        @version = version
        @floor = floor
      end

      def floor? = @floor
    end

    class InterruptedFake < Bench::Server
      label "fake-interrupted"

      def measure(_row, kase)
        raise Interrupt if kase.connections == 8

        RUN
      end
    end

    def row = @row ||= FakeRow.new(SETTINGS)

    def kase = @kase ||= row.cases.first

    def cell(label, *runs, **options)
      Bench::Cell.new(row, kase, FakeServer.new(label, **options)).tap { |cell| runs.each { |run| cell.add({ **RUN, **run }) } }
    end

    # @return [REXML::Document] the page of these cells
    def page(*cells)
      page = Bench::Page.new(FACTS)
      page.add(cells)
      REXML::Document.new(page.to_s)
    end

    # @return [REXML::Element, nil] the figure with this title
    def figure(document, title) = REXML::XPath.first(document, "//figure[figcaption/b='#{title}']")

    def texts(node, path) = REXML::XPath.match(node, path).map { |element| REXML::XPath.match(element, ".//text()").map(&:value).join }

    def widths(figure) = REXML::XPath.match(figure, ".//g/rect").map { |rect| rect.attributes["width"].to_f }

    def test_a_cell_tells_median_range_and_spread_of_every_number
      cell = cell("a", { requests: 1000, workers: [1, 2] }, { requests: 1300 }, { requests: 1100 })
      summary = cell.summary([cell])
      assert_equal [1100.0, 1000.0, 1300.0], %i[median min max].map { |name| summary[name][:rps] }
      assert_in_delta 0.2727, summary[:spread][:rps], 0.0001
      %i[p50_us p99_us errors cpu_user_s cpu_sys_s cpu_per_100k memory_kib peak_kib].each { |key| assert_includes summary[:median], key }
      refute_includes summary[:median], :workers
      assert_equal [3, nil, false], summary.values_at(:runs, :failure, :skipped)
    end

    def test_a_cell_tells_the_floors_of_its_case
      floor = cell("floor-x", { cpu_user_s: 0.001, cpu_sys_s: 0.001 }, floor: true)
      assert_equal({ "floor-x" => 0.2 }, cell("a", RUN).summary([floor, cell("b", RUN)])[:floors_cpu_per_100k])
    end

    def test_bars_begin_at_zero_and_are_as_long_as_the_medians
      throughput = figure(page(cell("a", { requests: 1000 }, { requests: 3000 }, { requests: 2000 }), cell("b", { requests: 4000 })), "Throughput")
      assert_equal %w[2,000 4,000], texts(throughput, ".//text[@class='number']")
      short, long = widths(throughput)
      assert_in_delta 2.0, long / short, 0.01
      zero = REXML::XPath.first(throughput, ".//line").attributes["x1"]
      assert_equal [zero], REXML::XPath.match(throughput, ".//g/rect").map { |rect| rect.attributes["x"] }.uniq
      assert_includes texts(throughput, "figcaption").first, "requests per second"
    end

    def test_whiskers_go_from_the_least_to_the_most_of_several_runs
      throughput = figure(page(cell("a", { requests: 1000 }, { requests: 2000 }, { requests: 3000 }), cell("b", RUN)), "Throughput")
      whiskers = REXML::XPath.match(throughput, ".//path[@class='whisker']").map { |path| path.attributes["d"] }
      assert_equal 1, whiskers.size
      left, right = whiskers.first.match(/\AM([\d.]+) .*H([\d.]+)m/).captures.map(&:to_f)
      assert_in_delta widths(throughput).first, right - left, 0.3
    end

    def test_user_and_system_time_are_stacked
      cpu = figure(page(cell("a", { cpu_user_s: 0.03, cpu_sys_s: 0.01 }), cell("b", { cpu_user_s: 0.06, cpu_sys_s: 0.02 })), "CPU")
      user, system, *other = widths(cpu)
      assert_in_delta 3.0, user / system, 0.05
      assert_in_delta 2.0, other.sum / (user + system), 0.01
      assert_equal %w[4.00 8.00], texts(cpu, ".//text[@class='number']")
    end

    def test_latencies_lie_on_an_axis_that_says_it_is_logarithmic
      latency = figure(page(cell("a", { p50_us: 1000.0, p99_us: 10_000.0, max_us: 100_000.0 })), "Latency")
      middles = REXML::XPath.match(latency, ".//g/path").map { |path| path.attributes["d"][/\AM([\d.]+)/, 1].to_f }
      assert_equal 3, middles.size
      assert_in_delta middles[1] - middles[0], middles[2] - middles[1], 0.2
      assert_match(/ms; log axis/, texts(latency, "figcaption").first)
    end

    def test_only_what_the_runs_have_is_drawn
      titles = texts(page(cell("a", RUN)), "//figcaption/b")
      assert_equal ["Throughput", "CPU", "Latency", "Memory"], titles
      curves = figure(page(cell("a", { histogram: [[0.5, 1000.0], [0.99, 3000.0], [1.0, 9000.0]] }), cell("b", RUN)), "Latency by quantile")
      assert_equal 2, REXML::XPath.first(curves, ".//path[title='a']").attributes["d"].count("ML")
    end

    def test_a_server_without_a_number_keeps_its_lane
      throughput = figure(page(cell("a", RUN), cell("b", { requests: 1000, seconds: nil })), "Throughput")
      assert_equal %w[1,000 –], texts(throughput, ".//text[@class='number']")
    end

    def test_a_server_keeps_its_colour_and_shares_it_with_no_other
      colours = Bench::Palette.colours.reject { |label, _| label.start_with?("fake-") }
      assert_equal colours.size, colours.values.uniq.size
      document = page(cell("puma", RUN), cell("hyperion", RUN))
      %w[Throughput CPU Memory].each do |title|
        fills = REXML::XPath.match(figure(document, title), ".//g/rect").map { |rect| rect.attributes["fill"] }.uniq
        assert_equal colours.values_at("puma", "hyperion"), fills, title
      end
    end

    def test_missing_failed_and_unmeasured_servers_are_listed_with_their_reason
      failed = cell("failed", RUN).tap { |cell| cell.failure = "run 2: no answer" }
      document = page(cell("here", RUN), cell("missing", missing: "not installed"), failed, cell("late"))
      lines = texts(document, "//ul[@class='absent']/li")
      assert_equal ["missing: not installed", "failed: run 2: no answer (shown above with what was measured before)",
                    "late: not measured: the sweep ended before"], lines
      # Releases of REXML differ about the first of each behind a descent, so each is asked by itself.
      lanes = REXML::XPath.match(figure(document, "Throughput"), ".//g").filter_map { |lane| lane.elements["text[@text-anchor='end']"]&.text }
      assert_equal %w[here failed], lanes
      assert_equal 4, REXML::XPath.match(document, "//tbody/tr").size
    end

    def test_names_and_last_words_are_escaped
      failed = cell("<script>\"&'", RUN).tap { |cell| cell.failure = "\e[31m<b>\xFF".b }
      document = page(failed)
      assert_includes texts(document, "//td"), "<script>\"&'"
      assert_match(/\[31m<b>/, texts(document, "//ul[@class='absent']").first)
      assert_equal ["script/bench <all> & more"], texts(document, "//header//code")
      assert_equal [FakeRow.about], texts(document, "//p[@class='about']")
      assert_empty REXML::XPath.match(document, "//script")
    end

    def test_the_page_needs_nothing_else
      document = page(cell("a", RUN))
      assert_equal ["#row-fake-report"], REXML::XPath.match(document, "//@href").map(&:value)
      assert REXML::XPath.first(document, "//section[@id='row-fake-report']")
      assert_empty REXML::XPath.match(document, "//@src | //link")
      refute_match(/url\(|@import/, texts(document, "//style").first)
    end

    def test_a_linear_axis_holds_zero_and_the_largest
      { [0.03] => %w[0 0.01 0.02 0.03], [137_000, 5] => %w[0 50k 100k 150k], [] => %w[0 0.2] }.each do |values, expected|
        assert_equal expected, Bench::Plots::Scales::Linear.new(values).ticks.map(&:last), values.inspect
      end
    end

    def test_a_logarithmic_axis_holds_the_least_and_the_most
      scale = Bench::Plots::Scales::Log.new([0.7, 0, 3000])
      assert_equal [0.0, 1.0], [0.5, 5000].map { |value| scale.at(value).round(6) }
      assert_equal %w[1 10 100 1,000], scale.ticks.map(&:last)
      assert_equal %w[2 5], Bench::Plots::Scales::Log.new([3]).ticks.map(&:last)
    end

    def test_an_interrupted_sweep_has_a_page_of_what_was_measured
      Dir.mktmpdir do |folder|
        settings = Bench::Settings.new(%w[fake-report --servers fake-interrupted --connections 1,8 --runs 1])
        sweep = Bench::Sweep.new(settings, Bench::Journal.new(folder), output: StringIO.new, progress: StringIO.new)
        assert_raises(Interrupt) { sweep.run }
        document = REXML::Document.new(File.read("#{folder}/report.html"))
        assert_equal ["1,000"], texts(figure(document, "Throughput"), ".//text[@class='number']")
        assert_equal ["fake-interrupted: not measured: the sweep ended before"], texts(document, "//ul[@class='absent']/li")
      end
    end

    def test_a_program_of_several_servers_has_its_version_told_once
      servers = [FakeServer.new("a", version: "x 1.0"), FakeServer.new("b", version: "x 1.0"), FakeServer.new("c"),
                 FakeServer.new("d", version: "unknown"), FakeServer.new("e", version: "unknown"), FakeServer.new("f", missing: "gone", version: "y 1.0")]
      assert_equal({ "a" => "x 1.0", "d" => "unknown", "e" => "unknown" }, Bench::Machine.versions(servers))
      assert_match(/\d\.\d/, Bench::Machine.version("ruby", "--version"))
      assert_equal "not installed", Bench::Machine.version("no-such-program-of-the-bench")
    end
  end
end
