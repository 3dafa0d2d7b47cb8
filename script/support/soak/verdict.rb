# frozen_string_literal: true

module Soak
  # What is wrong, judged by quiet samples and by the ledger.
  class Verdict
    # Samples before this share of the whole count as warm-up: caches fill, and the heaps of Ruby and of malloc
    # find their sizes.
    WARM_UP_SHARE = 0.15
    SAMPLES_MIN = 2
    KINDS = %i[descriptors threads].freeze

    # The heaps of a process that leaks nothing still breathe: by a tenth, or this much where that is little.
    GROWTH_SHARE = 0.1
    GROWTH_KB = 8192

    # Such lines of the server's log are faults; nothing that is done to it explains them.
    BAD_LINE = /panick|driver failed|hyperion ends|abandoned|could not be accepted|lines were lost|has begun none|has not booted|segfault|\[BUG\]|deadlock/i

    # @param samples [Array<Census::Sample>] of quiet moments, in order
    def initialize(samples, failures: [], complaints: [], log: "")
      @samples = samples
      @failures = failures
      @complaints = complaints
      @log = log
    end

    # @return [Array<String>] one a line; none means that all is well
    def faults
      leaks + bad_lines + @failures.map { |failure| "lost or wrong: #{failure}" } + @complaints
    end

    private

    def bad_lines = @log.lines.grep(BAD_LINE).map { |line| "the server said: #{line.strip[0, 300]}" }

    def leaks
      return ["#{settled.size} samples behind the warm-up are too few to tell"] if settled.size < SAMPLES_MIN

      first, last = settled.values_at(0, -1)
      strays = last.strays.empty? ? [] : ["processes are left: #{last.strays.join(", ")}"]
      strays + %w[master elder].flat_map { |role| compare(role, first[role], last[role]) } + exceeds(first["elder"], last["younger"])
    end

    def settled
      @settled ||= @samples.select { |sample| sample.at >= @samples.last.at * WARM_UP_SHARE }
    end

    def compare(role, first, last)
      return ["the #{role} of the first sample is missing"] unless first && last && first.pid == last.pid

      grown = heavier?(first.kept_kb, last.kept_kb) ? ["memory of the #{role} grew from #{first.kept_kb} to #{last.kept_kb} KiB"] : []
      grown + KINDS.reject { |kind| first[kind] == last[kind] }.map { |kind| change(kind, first, last) }
    end

    # A worker that has begun later may not have made yet all that the elder has, but no more.
    def exceeds(elder, younger)
      return ["the younger worker is missing"] unless elder && younger

      KINDS.select { |kind| younger[kind] > elder[kind] }.map { |kind| change(kind, elder, younger) }
    end

    def change(kind, first, last)
      "#{kind}: #{first.role} #{first[kind]}, in the end #{last.role} #{last[kind]}" + (kind == :descriptors ? ": #{first.kinds} and #{last.kinds}" : "")
    end

    def heavier?(first, last) = last - first > [GROWTH_KB, first * GROWTH_SHARE].max
  end
end
