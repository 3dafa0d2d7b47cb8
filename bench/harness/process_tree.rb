# frozen_string_literal: true

require "etc"

module Bench
  # What the kernel tells about a process and all that descend from it, also those that have become
  # daemons since, by a mark in the environment that they were started with.
  class ProcessTree
    TICKS_PER_S = Etc.sysconf(Etc::SC_CLK_TCK)

    SETTLING_LOOKS = 5
    SETTLING_S = 0.05

    # Fields of /proc/PID/stat, counted behind the name, which may hold spaces and parentheses.
    PARENT = 1
    USER = [11, 13].freeze
    SYSTEM = [12, 14].freeze

    # @param mark [String, nil] NAME=VALUE
    def initialize(root, mark: nil, proc: "/proc")
      @root = root
      @mark = mark
      @proc = proc
    end

    # @return [Array<Integer>] the process and its descendants that live
    def pids
      parents = self.parents
      children = parents.group_by(&:last).transform_values { |pairs| pairs.map(&:first) }
      found = [@root, *marked(parents.map(&:first))]
      found.each { |pid| found.concat(children.fetch(pid, []) - found) }
      found.uniq.select { |pid| stat(pid) }
    end

    # CPU of all of them and of the children they have waited for.
    # @return [Hash{Symbol=>Float}] cpu_user_s, cpu_sys_s
    def cpu
      stats = pids.filter_map { |pid| stat(pid) }
      { cpu_user_s: seconds(stats, USER), cpu_sys_s: seconds(stats, SYSTEM) }
    end

    # Of several processes, whose pages are partly shared, the proportional sizes; their peaks would
    # not have been at one time.
    # @return [Hash{Symbol=>Integer}] memory_kib of now; of a single process also peak_kib
    def memory
      pids = self.pids
      return { memory_kib: pids.sum { |pid| kib(read("#{pid}/smaps_rollup"), "Pss") } } if pids.size > 1

      status = read("#{pids.first || @root}/status")
      { memory_kib: kib(status, "VmRSS"), peak_kib: kib(status, "VmHWM") }
    end

    # Open descriptors of all of them, once those of connections that have just ended are closed.
    def settled_descriptors
      counts = Array.new(SETTLING_LOOKS) { descriptors.tap { sleep(SETTLING_S) } }
      counts.min
    end

    # Whether one of them holds such a descriptor.
    # @param target [String] as /proc/PID/fd links to it
    def opens?(target)
      pids.any? { |pid| Dir.glob("#{@proc}/#{pid}/fd/*").any? { |path| link(path) == target } }
    end

    private

    def descriptors = pids.sum { |pid| Dir.glob("#{@proc}/#{pid}/fd/*").size }

    def parents
      Dir.children(@proc).grep(/\A\d+\z/).filter_map do |name|
        fields = stat(name.to_i)
        [name.to_i, fields[PARENT].to_i] if fields
      end
    end

    def marked(pids) = @mark ? pids.select { |pid| read("#{pid}/environ").to_s.split("\0").include?(@mark) } : []

    def stat(pid) = read("#{pid}/stat")&.rpartition(")")&.last&.split

    def seconds(stats, fields) = stats.sum { |stat| stat.values_at(*fields).sum(&:to_i) }.fdiv(TICKS_PER_S)

    def kib(text, field) = text.to_s[/^#{field}:\s+(\d+) kB/, 1].to_i

    def link(path)
      File.readlink(path)
    rescue Errno::ENOENT
      nil
    end

    def read(file)
      File.read("#{@proc}/#{file}")
    rescue Errno::ENOENT, Errno::ESRCH, Errno::EACCES
      nil
    end
  end
end
