# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/command_line"

class CommandLineTest < UnitCase
  def test_letters_names_and_values
    line = read("-t", "3", "-p9000", "--workers", "2", "--max-body-bytes=1k", "app.ru")
    assert_equal({ threads: 3, port: 9000, workers: 2, max_body_bytes: 1024 }, values(line))
    assert_equal ["app.ru", :serve], [line.rackup, line.action]
    assert_equal "flag --workers", line.layer.settings[:workers].source
  end

  def test_switches_have_two_sides
    assert_equal({ preload: false, log_requests: true, yjit: false }, values(read("--no-preload", "--log-requests", "--no-yjit")))
    assert_equal({ preload: false }, values(read("--preload=false")))
  end

  def test_binds_are_gathered
    assert_equal %w[a:1 b], read("-b", "a:1", "-b", "b").layer.settings[:bind].value.map(&:to_s)
  end

  def test_the_last_flag_counts
    assert_equal({ threads: 4 }, values(read("-t", "3", "-t", "4")))
  end

  def test_an_alias_is_a_flag
    assert_equal({ threads: 4, pid_file: "a" }, values(read("--thread-count", "4", "--pidfile", "a")))
  end

  def test_actions
    { %w[-h] => :help, %w[--version] => :version, %w[check a.ru] => :check, %w[-t 2 check] => :check, %w[check -h] => :help,
      %w[help] => :help, %w[version] => :version }.each do |words, action|
      assert_equal action, read(*words).action, words.inspect
    end
    assert_equal "a.ru", read("check", "a.ru").rackup
  end

  def test_two_dashes_end_the_options
    assert_equal "-odd.ru", read("--", "-odd.ru").rackup
  end

  def test_all_problems_are_told
    line = read("--thread", "--worker-shutdown-timeout", "-p", "seventy", "--no-threads", "a.ru", "b.ru", "-w")
    assert_equal 6, line.layer.problems.size, line.layer.problems.inspect
    ["--thread: there is no such option; did you mean --threads? `hyperion --help`", "--worker-shutdown-timeout: there is no such option; it is called graceful_timeout here; `hyperion", "-p: port: \"seventy\" is not", "--no-threads", "-w: workers: N|auto is missing",
     "there is b.ru behind a.ru"].each { |part| assert(line.layer.problems.any? { |problem| problem.include?(part) }, part) }
  end

  def test_a_negative_number_is_a_value
    assert_match(/-1/, read("--max-body-bytes", "-1").layer.problems.first)
  end

  private

  def read(*words) = Hyperion::CommandLine.new(words)
  def values(line) = line.layer.settings.transform_values(&:value)
end
