# frozen_string_literal: true

module HyperionTest
  # What the kernel says of the threads of a process: `T` is stopped, `Z` has ended and was not waited for.
  module ThreadStates
    # @return [Array<String>] by thread; one that ends meanwhile has none
    def self.of(pid)
      Dir["/proc/#{pid}/task/*/stat"].filter_map do |path|
        File.read(path).rpartition(")").last.split.first
      rescue Errno::ENOENT, Errno::ESRCH
        nil
      end
    end

    # @return [Boolean] whether all have stopped: one that has not may still accept and answer
    def self.stopped?(pid) = of(pid).all?("T")
  end
end
