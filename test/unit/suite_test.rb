# frozen_string_literal: true

require "fileutils"
require "minitest/autorun"
require "tmpdir"
require_relative "../../script/support/step"

# What script/test does with a test file, whatever the file does.
class SuiteTest < Minitest::Test
  SUITE = File.expand_path("../../script/support/suite.rb", __dir__)

  def setup = @dir = Dir.mktmpdir("suite")
  def teardown = FileUtils.remove_entry(@dir)

  def write(name, text) = File.join(@dir, name).tap { |path| File.write(path, text) }

  def case_file(name, body) = write(name, "require \"minitest/autorun\"\nclass Sample < Minitest::Test\n#{body}\nend\n")

  def run_file(path, **options) = Step.ruby(path, **options).run

  def counts(result) = [result.passed, result.failed, result.skipped]

  # Whether the process with the id that the sample wrote still runs.
  def alive?(name)
    stat = File.read("/proc/#{Integer(File.read(File.join(@dir, name)))}/stat")
    stat.rpartition(")").last.split.first != "Z"
  rescue Errno::ENOENT
    false
  end

  def test_passed_failed_and_skipped_tests_are_counted
    path = case_file("a_test.rb", "def test_a = assert(true)\ndef test_b = flunk\ndef test_c = skip\ndef test_d = raise")
    result = run_file(path)
    assert_equal [1, 2, 1], counts(result)
    assert_includes result.text, "Sample#test_b"
  end

  def test_the_counts_of_cargo_add_up
    path = write("cargo", "echo 'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured'\n" \
                          "echo 'test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured'\nexit 101\n")
    assert_equal [7, 2, 1], counts(Step.new("cargo", ["sh", path], counted: true).run)
  end

  def test_a_command_without_counts_is_one_test
    assert_equal [1, 0, 0], counts(Step.new("true", ["true"]).run)
    assert_equal [0, 1, 0], counts(Step.new("false", ["false"]).run)
  end

  def test_a_file_that_runs_no_test_fails
    assert_equal [0, 1, 0], counts(run_file(write("a_test.rb", "puts 1\n")))
    assert_equal [0, 1, 0], counts(run_file(write("b_test.rb", "require \"minitest/autorun\"\n")))
  end

  def test_a_file_that_ends_badly_after_its_tests_fails
    assert_equal [1, 1, 0], counts(run_file(case_file("a_test.rb", "def test_a = assert(true)\nMinitest.after_run do\n$stdout.flush\nexit! 3\nend")))
  end

  def test_a_file_that_hangs_is_ended
    result = run_file(case_file("a_test.rb", "def test_a = sleep"), timeout: 1)
    assert_equal [0, 1, 0], counts(result)
    assert_includes result.text, "timed out after 1 s"
  end

  def test_nothing_that_a_file_started_is_left
    run_file(case_file("a_test.rb", "def test_a\nchild = spawn(\"sleep 300\", pgroup: true)\nFile.write(\"#{@dir}/pid\", child)\nend"))
    assert_path_exists File.join(@dir, "pid")
    refute alive?("pid")
  end

  def test_a_folder_for_temporary_files_is_removed
    run_file(case_file("a_test.rb", "def test_a = File.write(\"#{@dir}/where\", ENV[\"TMPDIR\"])"))
    refute_path_exists File.read(File.join(@dir, "where"))
  end

  def test_a_step_whose_requirement_fails_is_skipped
    assert_equal [0, 0, 1], counts(Step.new("deny", ["false"], requires: ["false"]).run)
  end

  def test_results_are_printed_in_order_and_counted_in_the_last_line
    case_file("a_test.rb", "def test_a = (sleep 0.01 until File.exist?(\"#{@dir}/b\"))")
    case_file("b_test.rb", "Minitest.after_run { File.write(\"#{@dir}/b\", \"\") }\ndef test_b = flunk")
    output = IO.popen([RbConfig.ruby, SUITE, @dir], &:read)
    assert_equal 1, $?.exitstatus
    assert_match(/^ok \S+a_test\.rb.*^FAILED \S+b_test\.rb/m, output)
    assert_match(/^1 passed, 1 failed, 0 skipped\n\z/, output)
  end

  def test_a_name_that_is_no_file_is_refused
    output = IO.popen([RbConfig.ruby, SUITE, "#{@dir}/none_test.rb"], err: %i[child out], &:read)
    assert_equal 1, $?.exitstatus
    assert_includes output, "no file"
  end
end
