# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/memory"

class MemoryTest < UnitCase
  def test_a_process_uses_what_the_kernel_says
    resident = File.read("/proc/self/status")[/^VmRSS:\s+(\d+)/, 1].to_i * 1024
    used = Hyperion::Memory.used(Process.pid)
    assert_operator used, :>, 1024 * 1024
    assert_operator used, :<, resident * 1.2
  end

  def test_nobody_uses_nothing
    assert_nil Hyperion::Memory.used(999_999_999)
  end

  def test_shared_memory_counts_by_its_share
    process(statm: "100 50 40 0 0 0 0", smaps_rollup: "00-ff ---p\nRss:  200 kB\nPss:   77 kB\nPss_Dirty: 1 kB\n")
    assert_equal 77 * 1024, used
  end

  def test_the_share_is_not_asked_for_where_all_of_it_is_not_too_much
    process(statm: "100 50 40 0 0 0 0", smaps_rollup: "Pss: 77 kB\n")
    assert_equal 50 * page, used(floor: 50 * page)
    assert_equal 77 * 1024, used(floor: (50 * page) - 1)
  end

  def test_where_the_share_is_not_told_all_of_it_counts
    process(statm: "100 50 40 0 0 0 0")
    assert_equal 50 * page, used
    process(statm: "100 50 40 0 0 0 0", smaps_rollup: "")
    assert_equal 50 * page, used
  end

  def test_the_least_limit_of_the_group_and_those_around_it_holds
    group("2", "0::/a/b\n", "a/memory.max" => "5000\n", "a/b/memory.max" => "max\n", "memory.max" => "9000\n")
    assert_equal 5000, limit("2")
  end

  def test_the_first_version_of_groups
    huge = "9223372036854771712\n"
    groups = "5:cpu,cpuacct:/x\n4:memory:/a\n0::/\n"
    group("1", groups, "memory/a/memory.limit_in_bytes" => "7000\n", "memory/memory.limit_in_bytes" => huge, "memory.max" => "max")
    assert_equal 7000, limit("1")
    group("1", groups, "memory/a/memory.limit_in_bytes" => huge)
    assert_nil limit("1")
  end

  def test_no_groups_no_limit
    group("none", "")
    assert_nil limit("none")
    assert_nil Hyperion::Memory.limit(root: dir, groups: "#{dir}/nothing")
  end

  private

  def page = Etc.sysconf(Etc::SC_PAGESIZE)
  def used(**rest) = Hyperion::Memory.used(1, root: dir, **rest)
  def process(files) = files.each { |name, text| file("1/#{name}", text) }
  def limit(name) = Hyperion::Memory.limit(root: "#{dir}/#{name}", groups: "#{dir}/#{name}/groups")

  def group(name, groups, files = {})
    { "groups" => groups, **files }.each { |path, text| file("#{name}/#{path}", text) }
  end
end
