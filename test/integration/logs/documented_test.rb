# frozen_string_literal: true

require_relative "lines_case"
require "hyperion/config/log_format"
require "hyperion/config/options"
require "hyperion/cluster/restart_counter"

# What docs/logging.md and docs/operations.md name is there.
class DocumentedTest < HyperionTest::LinesCase
  serve APP, "--log-format", "json", "--admin-token", TOKEN
  LOGGING = File.read("#{ROOT}/docs/logging.md")
  OPERATIONS = File.read("#{ROOT}/docs/operations.md")

  def test_W17_the_line_of_the_example_is_a_line_of_the_server
    get("/?example")
    shown = JSON.parse(LOGGING[/^```json\n(.*?)```/m, 1])
    real = entry('"query":"example"')
    assert_equal real.transform_values(&:class).to_a.map(&:first), shown.keys
    shown.each { |name, value| assert_kind_of value.is_a?(Numeric) ? Numeric : String, real[name], name }
  end

  def test_W17_the_fields_of_a_pattern_are_all_and_only_these
    sentence = LOGGING[/^A pattern may contain (.*?)\. `%%`/m, 1]
    assert_equal Hyperion::LogFormat::FIELDS.sort, (sentence.scan(/`([^`]+)`/).flatten - %w[header.NAME extra.NAME]).sort
  end

  def test_W17_each_metric_is_exported
    page = get("/-/metrics", "x-hyperion-admin-token" => TOKEN).body
    named = (LOGGING + OPERATIONS).scan(/hyperion_[a-z_]+/).uniq
    refute_empty named
    named.each { |name| assert_match(/^# TYPE #{name} /, page) }
  end

  def test_W17_each_number_of_stats_is_there
    full = boot(APP, "-t", "1", "--max-pending", "1", "--admin-token", TOKEN)
    assert connect(full).request("GET", "/sleep?0.6").silent?(0.1)
    assert connect(full).request("GET", "/?waits").silent?(0.05)
    assert_equal 503, get("/?refused", to: full).status
    numbers = JSON.parse(get("/-/stats", to: full, "x-hyperion-admin-token" => TOKEN).body).to_s
    %w[rejected_queue_full executors_busy queue_depth connections_active].each do |name|
      assert_includes OPERATIONS, "`#{name}`"
      assert_includes numbers, "\"#{name}\""
    end
  end

  def test_W17_each_reason_of_a_restart_is_told
    told = OPERATIONS[/^\| What happens to a worker.*?\n\n/m].scan(/\| `(\w+)` \|$/).flatten.uniq
    assert_equal Hyperion::RestartCounter::REASONS.map(&:to_s).sort, told.sort
  end

  def test_W17_each_option_is_one
    known = Hyperion::Options::ALL.flat_map { |option| [option.name.to_s, *option.names.map(&:to_s)] }
    named = (LOGGING + OPERATIONS).scan(/`((?:worker|graceful|drain|log|max|pid)_[a-z_]+)`/).flatten.uniq - %w[log_extras_dropped max_rss max_requests]
    refute_empty named
    assert_empty named - known
    flags = (LOGGING + OPERATIONS).scan(/(?<![\w-])--[a-z][a-z-]+/).uniq - %w[--init]
    printed, = run_hyperion("--help")
    flags.each { |flag| assert_match(/#{flag.sub("--no-", "--(\\[no-\\]|no-)?")}\b/, printed) }
  end

  def test_W17_the_lines_for_logrotate_make_a_new_file
    rotated = boot(APP, "--log-file", "#{dir}/access.log", "--pid-file", "#{dir}/hyperion.pid")
    script = LOGGING[/^  postrotate\n(.*?)^  endscript/m, 1].gsub("/run/hyperion.pid", "#{dir}/hyperion.pid")
    get("/?before", to: rotated)
    eventually { File.read("#{dir}/access.log").include?("before") }
    File.rename("#{dir}/access.log", "#{dir}/access.log.1")
    assert system("sh", "-c", script)
    eventually { get("/?behind", to: rotated) && File.exist?("#{dir}/access.log") && File.read("#{dir}/access.log").include?("behind") }
  end
end
