# frozen_string_literal: true

require_relative "lines_case"
require "io/console"
require "net/http"
require "pty"

# Lines on a terminal are for people; everywhere else they are for programs.
class LogOnATerminalTest < HyperionTest::LinesCase
  TIME = /\d\d:\d\d:\d\d/

  def test_lines_are_short_and_coloured
    shown = on_a_terminal
    assert_match(/^\e\[2m#{TIME}\e\[0m GET \/static\?seen \e\[32m200\e\[0m \e\[2m\d+\.\d ms\e\[0m$/, shown)
    assert_match(/^\e\[2m#{TIME}\e\[0m GET \/files\/none \e\[33m404\e\[0m /, shown)
    assert_match(/^\e\[2m#{TIME}\e\[0m GET \/raise \e\[31m500\e\[0m /, shown)
    assert_match(/^\e\[2m#{TIME}\e\[0m \e\[31merror\e\[0m the application failed\e\[2m method=GET path=\/raise /, shown)
    assert_match(/^\e\[2m#{TIME}\e\[0m \e\[32minfo \e\[0m draining\e\[2m reason=TERM /, shown)
    refute_match(/ts=|source=|"level"/, shown)
  end

  def test_a_backtrace_is_several_indented_lines
    frames = on_a_terminal("NO_COLOR" => "1")[/ the application failed .*\n((?:    .*\n)+)/, 1].lines
    assert_match(/\A    \S*lines\.ru:\d+:in /, frames.first)
    assert_operator frames.size, :>, 1
    frames.each { |frame| assert_match(/\A    \S+:\d+:in /, frame) }
  end

  { "NO_COLOR" => "1", "TERM" => "dumb" }.each do |name, value|
    define_method("test_#{name}_is_respected") do
      shown = on_a_terminal(name => value)
      refute_includes shown, "\e"
      assert_match(/^#{TIME} GET \/static\?seen 200 \d+\.\d ms$/, shown)
      assert_match(/^#{TIME} info  draining reason=TERM /, shown)
    end
  end

  def test_a_file_beside_the_terminal_has_json_without_colours
    shown = on_a_terminal({}, "--log-file", "#{dir}/log")
    refute_match(/\e|seen/, shown)
    written = File.read("#{dir}/log")
    refute_includes written, "\e"
    assert_equal 200, JSON.parse(written.lines.grep(/seen/).first)["status"]
  end

  def test_a_named_format_is_the_same_on_a_terminal
    shown = on_a_terminal({}, "--log-format", "text")
    refute_includes shown, "\e"
    assert_match(/^ts=\S+Z level=info source=access message=request method=GET path=\/static query=seen status=200 /, shown)
  end

  def test_the_time_is_that_of_the_reader
    before = Time.now
    shown = on_a_terminal("NO_COLOR" => "1", "TZ" => "NPT-05:45")
    times = (before.to_i..Time.now.to_i).map { |second| Time.at(second, in: "+05:45").strftime("%H:%M:%S") }
    assert_includes times, shown[/^(#{TIME}) GET /, 1]
    assert_includes times, shown[/^(#{TIME}) info  draining/, 1]
  end

  def test_short_lines_elsewhere_have_no_colours
    piped = boot(APP, "--log-format", "terminal")
    get("/static?piped", to: piped)
    assert_match(/\A#{TIME} GET \/static\?piped 200 \d+\.\d ms\n\z/, line("piped", to: piped))
  end

  private

  # What a terminal shows of a server from its start to its end.
  def on_a_terminal(env = {}, *flags)
    command = [*HyperionTest::TestServer.command, "-b", "127.0.0.1", "-p", "0", *flags, APP]
    screen, keyboard, pid = PTY.spawn({ **HyperionTest::TestServer::CLEARED, "TERM" => "xterm", "NO_COLOR" => nil, **env }, *command)
    HyperionTest::Watchdog.watch(pid)
    shown = +""
    shown << screen.readpartial(4096) until shown =~ %r{Listening on http://127\.0\.0\.1:(\d+)}
    port = Regexp.last_match(1)
    %w[/static?seen /files/none /raise].each { |path| Net::HTTP.get(URI("http://127.0.0.1:#{port}#{path}")) }
    Process.kill(:TERM, pid)
    shown << rest_of(screen)
    shown.gsub("\r\n", "\n")
  ensure
    [screen, keyboard].each(&:close)
    Process.wait(pid)
    HyperionTest::Watchdog.forget(pid)
  end

  # A terminal whose program has ended fails to be read.
  def rest_of(screen)
    rest = +""
    loop { rest << screen.readpartial(4096) }
  rescue Errno::EIO, EOFError
    rest
  end
end
