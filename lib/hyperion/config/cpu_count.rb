# frozen_string_literal: true

require "etc"

module Hyperion
  # How many CPUs this process may use, the quota of its control group included.
  module CpuCount
    # @param root [String] where the control groups are mounted
    # @return [Integer] at least 1
    def self.count(root: "/sys/fs/cgroup")
      quota = v2_quota(root) || v1_quota(root)
      [Etc.nprocessors, quota&.ceil].compact.min.clamp(1, 1024)
    end

    def self.v2_quota(root)
      quota, period = File.read("#{root}/cpu.max").split
      Float(quota) / Float(period) unless quota == "max"
    rescue SystemCallError, ArgumentError, TypeError
      nil
    end
    private_class_method :v2_quota

    def self.v1_quota(root)
      quota, period = %w[quota period].map { |name| Float(File.read("#{root}/cpu/cpu.cfs_#{name}_us")) }
      quota / period if quota.positive? && period.positive?
    rescue SystemCallError, ArgumentError
      nil
    end
    private_class_method :v1_quota
  end
end
