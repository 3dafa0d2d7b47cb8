# frozen_string_literal: true

require "etc"
require "time"

module Bench
  # Facts that a number is worth nothing without.
  module Machine
    module_function

    # @return [Hash{Symbol=>Object}]
    def facts(settings)
      { command: settings.command, time: Time.now.utc.iso8601, commit: commit, cpu: cpu, processors: Etc.nprocessors,
        memory_mib: memory_mib, kernel: Etc.uname[:release], ruby: RUBY_DESCRIPTION, puma: first_line("puma", "--version"),
        wrk: first_line("wrk", "-v"), load_before: File.read("/proc/loadavg").split.first(3).join(" ") }
    end

    def commit
      changed = Tool.output("git", "-C", ROOT, "status", "--porcelain").empty? ? "" : " with changes"
      Tool.output("git", "-C", ROOT, "rev-parse", "--short", "HEAD").strip + changed
    rescue Failure
      "unknown"
    end

    def cpu = File.read("/proc/cpuinfo")[/^model name\s*: (.*)/, 1] || "unknown"

    def memory_mib = File.read("/proc/meminfo")[/^MemTotal:\s+(\d+)/, 1].to_i / 1024

    # Programs tell their version with any status.
    def first_line(*command)
      Open3.capture2e(*command).first.lines.first.to_s.strip
    rescue Errno::ENOENT
      "not installed"
    end
  end
end
