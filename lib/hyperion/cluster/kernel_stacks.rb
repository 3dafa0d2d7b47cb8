# frozen_string_literal: true

module Hyperion
  # What the kernel tells about the threads of a process that runs no Ruby any more.
  module KernelStacks
    THREADS_MAX = 64

    # @param pid [Integer]
    # @return [Array<String>] a line for each thread; what may not be read is left out
    def self.lines(pid, root: "/proc")
      Dir.glob("#{root}/#{pid}/task/*").first(THREADS_MAX).map do |task|
        facts = { state: read(task, "stat")&.rpartition(")")&.last&.split&.first, wchan: read(task, "wchan"),
                  syscall: read(task, "syscall")&.split&.first, stack: read(task, "stack")&.scan(/\] (\w+)/)&.join(" < ") }
        ["thread #{File.basename(task)} #{read(task, "comm")}", *facts.filter_map { |name, fact| "#{name} #{fact}" unless ["", "0", nil].include?(fact) }].join(", ")
      end
    end

    def self.read(task, file)
      File.read("#{task}/#{file}").strip
    rescue SystemCallError
      nil
    end
    private_class_method :read
  end
end
