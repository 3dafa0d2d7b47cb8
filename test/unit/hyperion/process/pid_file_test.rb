# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/pid_file"

class PidFileTest < UnitCase
  def test_it_holds_the_process_until_removed
    pid_file.tap(&:check).tap(&:write).then do |written|
      assert_equal "#{Process.pid}\n", File.read(path)
      assert_equal ["run.pid"], Dir.children(dir)
      written.remove
    end
    refute_path_exists path
  end

  def test_a_file_that_cannot_be_written_leaves_nothing_behind
    Dir.mkdir(path)
    assert_match(/cannot be written/, assert_raises(Hyperion::BootError) { pid_file.write }.message)
    assert_equal ["run.pid"], Dir.children(dir)
  end

  def test_without_a_path_it_does_nothing
    none = Hyperion::PidFile.new(nil)
    none.check
    none.write
    none.remove
  end

  def test_G5_a_stale_file_is_replaced
    stranger = Process.spawn("sleep", "60")
    [999_999_999, stranger, "rubbish", ""].each do |text|
      file("run.pid", "#{text}\n")
      pid_file.tap(&:check).write
      assert_equal Process.pid.to_s, File.read(path).strip
    end
  ensure
    Process.kill(:KILL, stranger) && Process.wait(stranger)
  end

  def test_G5_the_file_of_a_living_server_is_left_alone
    other = Process.spawn(RbConfig.ruby, "-e", "sleep", "hyperion", out: File::NULL)
    eventually { File.read("/proc/#{other}/cmdline").include?("hyperion") }
    file("run.pid", "#{other}\n")
    assert_match(/#{other} is alive/, assert_raises(Hyperion::BootError) { pid_file.check }.message)
  ensure
    Process.kill(:KILL, other) && Process.wait(other)
  end

  def test_G5_a_file_older_than_the_process_it_names_is_stale
    other = Process.spawn(RbConfig.ruby, "-e", "sleep", "hyperion", out: File::NULL)
    eventually { File.read("/proc/#{other}/cmdline").include?("hyperion") }
    file("run.pid", "#{other}\n")
    File.utime(Time.now - 3600, Time.now - 3600, path)
    pid_file.check
  ensure
    Process.kill(:KILL, other) && Process.wait(other)
  end

  def test_G5_a_link_is_replaced_not_followed
    target = file("target", "precious")
    File.symlink(target, path)
    written = pid_file.tap(&:check).tap(&:write)
    assert_equal "precious", File.read(target)
    refute File.symlink?(path)
    written.remove
    assert_path_exists target
  end

  def test_G5_a_link_in_the_way_of_the_temporary_file_is_not_followed
    target = file("target", "precious")
    File.symlink(target, "#{path}.#{Process.pid}")
    pid_file.write
    assert_equal "precious", File.read(target)
  end

  def test_directories_that_will_not_do
    missing = Hyperion::PidFile.new("#{dir}/none/run.pid")
    assert_includes assert_raises(Hyperion::BootError) { missing.check }.message, "#{dir}/none/run.pid"
    assert_includes assert_raises(Hyperion::BootError) { missing.write }.message, "#{dir}/none/run.pid"
    assert_match(/is a directory/, assert_raises(Hyperion::BootError) { Hyperion::PidFile.new(dir).check }.message)
  end

  def test_another_server_s_file_is_not_removed
    written = pid_file.tap(&:write)
    file("run.pid", "1\n")
    written.remove
    assert_path_exists path
  end

  def test_a_forked_process_removes_nothing
    written = pid_file.tap(&:write)
    forked { written.remove }
    assert_path_exists path
  end

  private

  def path = "#{dir}/run.pid"
  def pid_file = Hyperion::PidFile.new(path)
end
