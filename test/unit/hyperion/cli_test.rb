# frozen_string_literal: true

require_relative "../support/unit"
require "stringio"

class CLITest < UnitCase
  def test_help_and_version
    assert_match(/\AUsage: hyperion/, run_cli("-h").first)
    assert_equal ["hyperion #{Hyperion::VERSION}\n", "", 0], run_cli("--version")
  end

  def test_problems_are_told_and_end_with_status_one
    out, err, status = run_cli("-t", "none", "--nonsense")
    assert_equal ["", 1], [out, status]
    assert_match(/\Ahyperion cannot start, for 2 reasons:\n  flag -t.*\n  flag --nonsense/, err)
  end

  def test_check_shows_what_was_typed_and_what_it_means
    out, err, status = run_cli("check", "-w", "auto", "-p", "1234", "-b", "unix:///tmp/x?mode=0600", "-b", "h", "config.ru", "-e", "production")
    assert_equal ["", 0], [err, status]
    assert_match(/^workers +auto \(\d+\) +flag -w$/, out)
    assert_match(/^log_format +auto \(json\) +default$/, out)
    assert_match(%r{^bind +unix:///tmp/x\?mode=0600, h \(unix:///tmp/x\?mode=0600, tcp://h:1234\) +flag -b$}, out)
    assert_match(/^max_body_bytes +1073741824 +default$/, out)
    assert_match(/config\.ru: loads$/, out)
  end

  def test_check_fails_with_the_app
    _, err, status = run_cli("check", app: "raise 'broken'\n")
    assert_equal 1, status
    assert_match(/config\.ru:1: broken/, err)
  end

  private

  def run_cli(*words, app: "run ->(_) { [200, {}, []] }\n")
    file("config.ru", app)
    former = ENV.to_h
    out = StringIO.new
    err = StringIO.new
    status = Dir.chdir(dir) { Hyperion::CLI.new(words, out: out, err: err).run }
    [out.string, err.string, status]
  ensure
    ENV.replace(former)
  end
end
