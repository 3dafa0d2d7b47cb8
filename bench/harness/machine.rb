# frozen_string_literal: true

require "etc"
require "time"

module Bench
  # Facts that a number is worth nothing without.
  module Machine
    GOVERNORS = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    VERSION_S = "10"
    VERSION = /^.*\d\.\d.*$/
    NOT_FOUND = 127
    UNKNOWN = "unknown"

    module_function

    # @param servers [Array<Server>] those that take part
    # @return [Hash{Symbol=>Object}]
    def facts(settings, servers)
      { command: settings.command, time: Time.now.utc.iso8601, commit: commit, cpu: cpu, processors: Etc.nprocessors, governor: governor,
        memory_mib: memory_mib, kernel: Etc.uname[:release], system: system_name, ruby: RUBY_DESCRIPTION,
        servers: versions(servers), wrk: version("wrk", "-v"), h2load: version("h2load", "--version"),
        load_before: File.read("/proc/loadavg").split.first(3).join(" ") }
    end

    # @param fact [Object] one of these facts
    # @return [String] on one line; parts have their names, unless they tell them
    def text(fact)
      return fact.to_s unless fact.is_a?(Hash)

      fact.map { |name, text| text.downcase.include?(name.to_s) ? text : "#{name}: #{text}" }.join("; ")
    end

    def commit
      changed = Tool.output("git", "-C", ROOT, "status", "--porcelain").empty? ? "" : " with changes"
      Tool.output("git", "-C", ROOT, "rev-parse", "--short", "HEAD").strip + changed
    rescue Failure
      UNKNOWN
    end

    def cpu = File.read("/proc/cpuinfo")[/^model name\s*: (.*)/, 1] || UNKNOWN

    def memory_mib = File.read("/proc/meminfo")[/^MemTotal:\s+(\d+)/, 1].to_i / 1024

    def governor = Dir[GOVERNORS].map { |path| File.read(path).strip }.uniq.join(", ").sub(/\A\z/, UNKNOWN)

    def system_name = Dir["/etc/os-release"].map { |path| File.read(path)[/^PRETTY_NAME="?([^"\n]*)/, 1] }.first || UNKNOWN

    # Several may be one program in other forms, which is named once.
    # @return [Hash{String=>String}] by the label of the first
    def versions(servers)
      here = servers.uniq(&:label).reject(&:missing)
      told = here.filter_map { |server| (version = server.version) && [server.label, version] }
      told.uniq { |label, version| version == UNKNOWN ? label : version }.to_h
    end

    # Programs tell their version with any status, and some start to serve instead.
    # @return [String] the first line that has one
    def version(*command)
      text, status = Open3.capture2e({ "LC_ALL" => "C" }, "timeout", VERSION_S, *command, chdir: "/", stdin_data: "")
      return "not installed" if status.exitstatus == NOT_FOUND

      text.scrub[VERSION]&.strip || UNKNOWN
    end
  end
end
