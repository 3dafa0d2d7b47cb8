# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/log/terminal_line"

class TerminalLineTest < UnitCase
  PLAIN = Hyperion::TerminalLine.new(color: false)
  COLOURED = Hyperion::TerminalLine.new(color: true)

  def test_a_line_is_its_time_level_message_and_fields
    assert_equal "08:49:37 info  it is \"so\" pid=7 why=\"no idea\"\n", shown(PLAIN, pid: 7, why: "no idea")
    assert_equal "\e[2m08:49:37\e[0m \e[32minfo \e[0m it is \"so\"\e[2m pid=7\e[0m\n", shown(COLOURED, pid: 7)
    assert_equal "\e[2m08:49:37\e[0m \e[32minfo \e[0m it is \"so\"\n", shown(COLOURED)
  end

  def test_a_backtrace_is_a_block_below_the_line
    ["a.rb:1\nb.rb:2", "a.rb:1 | b.rb:2"].each do |frames|
      assert_equal "08:49:37 info  it is \"so\" pid=7\n    a.rb:1\n    b.rb:2\n", shown(PLAIN, backtrace: frames, pid: 7)
    end
    assert_includes shown(COLOURED, backtrace: "a.rb:1"), "\n    \e[2ma.rb:1\e[0m\n"
  end

  def test_nothing_forges_a_line_or_moves_the_terminal
    hostile = "ö\n08:49:37 info  y\r\e[31m\u009b\u202e\xff\""
    lines = PLAIN.render("08:49:37", :warn, hostile, { path: hostile, backtrace: hostile }).lines
    escaped = "08:49:37 info  y\\r\\u001b[31m\\u009b\\u202e\ufffd"
    assert_equal "08:49:37 warn  ö\\n#{escaped}\" path=\"ö\\n#{escaped}\\\"\"\n", lines.first
    assert_equal ["    ö\n", "    #{escaped}\"\n"], lines.drop(1)
  end

  private

  def shown(line, **fields) = line.render("08:49:37", :info, "it is \"so\"", fields)
end
