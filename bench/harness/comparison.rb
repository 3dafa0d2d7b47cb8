# frozen_string_literal: true

module Bench
  # Two results side by side, in Markdown: A, which is before, and B.
  class Comparison
    Metric = Struct.new(:title, :key, :good, :digits, :divisor)
    METRICS = [
      Metric.new("r/s", :rps, :more, 0, 1), Metric.new("CPU s per 100,000", :cpu_per_100k, :less, 2, 1),
      Metric.new("p99 ms", :p99_us, :less, 2, 1000.0), Metric.new("MiB after", :memory_kib, :less, 1, 1024.0),
      Metric.new("errors", :errors, :less, 0, 1)
    ].freeze

    # Facts that tell what was measured, or differ each time.
    INCIDENTAL = %i[kind elapsed_s command time commit load_before].freeze

    # @param before [Records]
    # @param after [Records]
    # @raise [Failure] when they have nothing in common
    def initialize(before, after)
      @before = before
      @after = after
      @common = before.measured.keys & after.measured.keys
      raise Failure, "#{before.path} and #{after.path} have no measured cell in common" if @common.empty?
    end

    # Whether something is worse than noise explains, or cannot be measured any more.
    def worse? = broken.any? || @common.any? { |place| METRICS.any? { |metric| difference(place, metric).verdict == :worse } }

    # @return [String]
    def to_s
      titles = ["row", "case", "server", *METRICS.map(&:title)]
      table = Markdown.table(titles, @common.map { |place| [*place, *METRICS.map { |metric| text(place, metric) }] }, words: [0, 1, 2])
      [*heading, *warnings, *table, "", Difference::RULE, "", *failures, *absences(@before, @after, "A"), *absences(@after, @before, "B")]
        .join("\n").strip << "\n"
    end

    private

    def heading
      ["# A → B", "", *{ "A" => @before, "B" => @after }.map do |name, side|
        "- #{name}: #{side.path}, #{side.machine.values_at(:time, :commit, :command).compact.join(", ")}"
      end, ""]
    end

    def warnings
      facts = (@before.machine.keys | @after.machine.keys) - INCIDENTAL
      lines = facts.flat_map { |name| contrast(name, @before.machine[name], @after.machine[name]) }
      lines.empty? ? [] : ["Warning: the machines differ, so a change may be theirs.", "", *lines, ""]
    end

    # Of facts with parts, those that both sides know.
    def contrast(name, before, after)
      if before.is_a?(Hash) && after.is_a?(Hash)
        return (before.keys & after.keys).flat_map { |part| contrast("#{name}, #{part}", before[part], after[part]) }
      end

      before == after ? [] : ["- #{name}: #{[before, after].map { |fact| fact.nil? ? "unknown" : Machine.text(fact) }.join(" → ")}"]
    end

    def difference(place, metric)
      Difference.new(@before.cells[place].values(metric.key), @after.cells[place].values(metric.key), good: metric.good)
    end

    def text(place, metric)
      medians = [@before, @after].map { |side| side.cells[place].median(metric.key) }
      return Columns::NONE if medians.none?

      difference = difference(place, metric)
      change = difference.change && format(" (%+.1f %%)", difference.change * 100)
      values = medians.map { |median| Columns.number(median&./(metric.divisor.to_f), metric.digits) }
      [values.join(" → ") + change.to_s, *difference.verdict&.then { |verdict| "**#{verdict}**" }].join(" ")
    end

    def broken = @before.measured.keys.select { |place| @after.cells.key?(place) && @after.cells[place].failed? && !@before.cells[place].failed? }

    def failures = broken.map { |place| "- **worse**: #{place.join(", ")} fails in B: #{@after.cells[place].failure}" }

    # What only this side has measured, and what the other says of it.
    def absences(here, there, name)
      places = (here.measured.keys - there.measured.keys - broken).group_by do |row, kase, server|
        [row, kase, there.cells.key?([row, kase, server]) ? there.cells[[row, kase, server]].failure : nil]
      end
      places.map { |(*kase, reason), those| "- only in #{name}: #{kase.join(", ")}: #{those.map(&:last).join(", ")}#{" (#{reason})" if reason}" }
    end
  end
end
