# frozen_string_literal: true

require "etc"

module Hyperion
  # How much memory a process uses, and how much the control group of this one may.
  module Memory
    MIB = 1024 * 1024
    # What the first version of control groups says where there is no limit is close to this.
    ENDLESS = 1 << 60

    class << self
      # Memory that is shared counts by its share, as far as the kernel tells it. That takes it a walk
      # through all pages, which is spared where everything together is not above `floor`.
      # @param pid [Integer]
      # @param floor [Integer] bytes
      # @return [Integer, nil] bytes; nil for a process that is no more
      def used(pid, floor: 0, root: "/proc")
        resident = Integer(File.read("#{root}/#{pid}/statm").split[1]) * page
        return resident if resident <= floor

        share(pid, root) || resident
      rescue SystemCallError
        nil
      end

      # @param root [String] where the control groups are mounted
      # @param groups [String] names the groups of this process
      # @return [Integer, nil] bytes, the least of all limits that hold here
      def limit(root: "/sys/fs/cgroup", groups: "/proc/self/cgroup")
        files = File.readlines(groups, chomp: true).flat_map do |line|
          _, controllers, path = line.split(":", 3)
          next [] unless ["", "memory"].intersect?(controllers.empty? ? [""] : controllers.split(","))

          folders(path).map { |folder| controllers.empty? ? "#{root}#{folder}/memory.max" : "#{root}/memory#{folder}/memory.limit_in_bytes" }
        end
        files.filter_map { |file| bytes_in(file) }.min
      rescue SystemCallError
        nil
      end

      private

      def page = @page ||= Etc.sysconf(Etc::SC_PAGESIZE)

      def share(pid, root)
        kib = File.read("#{root}/#{pid}/smaps_rollup")[/^Pss:\s+(\d+) kB/, 1]
        kib && (Integer(kib) * 1024)
      rescue Errno::EACCES, Errno::ENOENT, Errno::EPERM
        nil
      end

      # The group and those around it, up to the one that is mounted: a container sees its own as that.
      def folders(path)
        parts = path.split("/").reject(&:empty?)
        (0..parts.size).map { |count| parts.first(count).map { |part| "/#{part}" }.join }
      end

      def bytes_in(file)
        number = Integer(File.read(file).strip, 10, exception: false)
        number if number && number < ENDLESS
      rescue SystemCallError
        nil
      end
    end
  end
end
