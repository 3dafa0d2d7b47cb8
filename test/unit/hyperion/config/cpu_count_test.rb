# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/cpu_count"

class CpuCountTest < UnitCase
  def test_a_quota_of_the_control_group_counts
    file("cpu.max", "50000 100000\n")
    assert_equal 1, Hyperion::CpuCount.count(root: dir)
    file("cpu.max", "100001 100000\n")
    assert_equal [2, Etc.nprocessors].min, Hyperion::CpuCount.count(root: dir)
  end

  def test_a_quota_of_the_first_version
    file("cpu/cpu.cfs_quota_us", "20000\n")
    file("cpu/cpu.cfs_period_us", "100000\n")
    assert_equal 1, Hyperion::CpuCount.count(root: dir)
    file("cpu/cpu.cfs_quota_us", "-1\n")
    assert_equal Etc.nprocessors, Hyperion::CpuCount.count(root: dir)
  end

  def test_without_a_quota_all_count
    assert_equal Etc.nprocessors, Hyperion::CpuCount.count(root: "#{dir}/none")
    file("cpu.max", "max 100000\n")
    assert_equal Etc.nprocessors, Hyperion::CpuCount.count(root: dir)
    file("cpu.max", "what is this")
    assert_equal Etc.nprocessors, Hyperion::CpuCount.count(root: dir)
  end
end
