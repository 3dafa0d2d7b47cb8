# frozen_string_literal: true

module Soak
  # What the kernel tells about the processes of the server, in a quiet moment.
  class Census
    # `kinds` are descriptors by what they are. `rss_kb` has in it what malloc holds for later, `kept_kb` has not.
    Count = Struct.new(:role, :pid, :descriptors, :threads, :rss_kb, :kept_kb, :kinds, keyword_init: true) do
      def to_s = format("%s %d: %d fds, %d threads, %.1f MiB (%.1f)", role, pid, descriptors, threads, rss_kb / 1024.0, kept_kb / 1024.0)
    end

    # `strays` are processes of the group that are neither master nor worker.
    Sample = Struct.new(:at, :counts, :strays, keyword_init: true) do
      def [](role) = counts.find { |count| count.role == role }
      def to_s = format("%5d s  %s%s", at, counts.join(" | "), strays.empty? ? "" : " | strays #{strays.join(" ")}")
    end

    # @param server [HyperionTest::TestServer]
    def initialize(server)
      @server = server
      @elder, = workers
    end

    # The worker that nobody ends: what it keeps, it has kept since the beginning.
    attr_reader :elder

    # Any other worker.
    def younger = workers.find { |pid| pid != @elder }

    def workers
      @server.pids.select { |pid| parent(pid) == @server.pid }.sort
    end

    # @param at [Numeric] seconds since the beginning
    # @yield lets the workers give back what malloc holds
    # @return [Sample]
    def take(at)
      roles = { @server.pid => "master", @elder => "elder", younger => "younger" }.compact
      pids = @server.pids
      counts = roles.select { |pid, _| pids.include?(pid) }.map { |pid, role| count(role, pid) }
      yield
      counts.each { |count| count.kept_kb = @server.rss_kb(count.pid) }
      Sample.new(at: at, counts: counts, strays: pids - roles.keys)
    end

    # Ports of the clients whose connections a process holds.
    def client_ports(pid)
      sockets = links(pid).filter_map { |link| link[/\Asocket:\[(\d+)\]\z/, 1] }
      File.readlines("/proc/net/tcp").drop(1).filter_map do |line|
        fields = line.split
        fields[2][/:(\h+)\z/, 1].hex if sockets.include?(fields[9])
      end
    end

    private

    def count(role, pid)
      links = links(pid)
      Count.new(role: role, pid: pid, descriptors: links.size, threads: Dir.children("/proc/#{pid}/task").size,
                rss_kb: @server.rss_kb(pid), kinds: links.map { |link| link.sub(/:\[\d+\]\z/, "") }.tally)
    end

    def links(pid)
      Dir.glob("/proc/#{pid}/fd/*").filter_map do |path|
        File.readlink(path)
      rescue Errno::ENOENT
        nil
      end
    end

    def parent(pid)
      File.read("/proc/#{pid}/stat").rpartition(")").last.split[1].to_i
    rescue Errno::ENOENT, Errno::ESRCH
      nil
    end
  end
end
