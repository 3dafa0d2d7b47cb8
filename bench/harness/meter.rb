# frozen_string_literal: true

module Bench
  # Measures from its making until it is read what a server costs, and what else the machine did.
  class Meter
    # Fields of the first line of /proc/stat that are work: user, nice, system, irq, softirq, steal.
    WORK = [1, 2, 3, 6, 7, 8].freeze

    # @param tree [ProcessTree] of the server
    def initialize(tree)
      @tree = tree
      @start = sample
    end

    # @return [Hash{Symbol=>Numeric}] cpu_user_s, cpu_sys_s, memory_kib, peak_kib; other_cpu: the share
    #   of all CPU that went neither to the server nor to the load
    def read
      spent = sample.to_h { |name, value| [name, value - @start[name]] }
      server = spent.slice(:cpu_user_s, :cpu_sys_s)
      other = spent[:machine_s] - server.values.sum - spent[:load_s]
      { **server, **@tree.memory, other_cpu: [other / (spent[:time_s] * Etc.nprocessors), 0.0].max.round(3) }
    end

    private

    # The load has ended whenever this is asked, so it is among the children that were waited for.
    def sample
      times = Process.times
      { **@tree.cpu, load_s: times.cutime + times.cstime, machine_s: machine_s,
        time_s: Process.clock_gettime(Process::CLOCK_MONOTONIC) }
    end

    def machine_s
      File.open("/proc/stat", &:gets).split.values_at(*WORK).sum(&:to_i).fdiv(ProcessTree::TICKS_PER_S)
    end
  end
end
