# frozen_string_literal: true

require_relative "lines_case"

# Lines as their operator wrote them.
class PatternsTest < HyperionTest::LinesCase
  ALL = '%{ts}|%{ts_clf}|%{level}|%{source}|%{message}|%{method}|%{target}|%{path}|%{query}|%{status}|%{duration_ms}|%{queue_ms}|%{bytes}|%{remote_addr}|%{http_version}|%{header.user-agent}|%{extra.plan}|100%%'
  COMBINED = '%{remote_addr} - - [%{ts_clf}] "%{method} %{target} HTTP/%{http_version}" %{status} %{bytes} "%{header.referer}" "%{header.user-agent}"'

  def test_every_field
    shaped = boot(APP, "--log-format", ALL)
    get("/extras?plain", to: shaped, "user-agent" => "tester/1")
    fields = line("/extras?plain", to: shaped).chomp.split("|")
    assert_match(/\A\d{4}-\d\d-\d\dT/, fields[0])
    assert_match(%r{\A\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\z}, fields[1])
    assert_equal ["info", "access", "request", "GET", "/extras?plain", "/extras", "plain", "200"], fields[2..9]
    fields[10..11].each { |number| assert_match(/\A\d+(\.\d+)?\z/, number) }
    assert_equal ["3", "127.0.0.1", "1.1", "tester/1", "gold", "100%"], fields[12..]
  end

  def test_B5_the_combined_format_cannot_be_forged
    shaped = boot(APP, "--log-format", COMBINED)
    hostile = "x\" 200 1 \"-\" \"y".b + "\xff\\"
    connect(shaped).write("GET /?forge HTTP/1.1\r\nHost: a\r\nUser-Agent: ".b + hostile + "\r\nReferer: \"\" \r\nConnection: close\r\n\r\n".b).read_to_end
    text = line("/?forge", to: shaped)
    assert_match(%r{\A127\.0\.0\.1 - - \[[^\]]+\] "GET /\?forge HTTP/1\.1" 200 3 "[^" ]*" "[^"]*"\n\z}, text)
    assert_equal 6, text.count('"'), "what the client chose holds no quote"
  end

  def test_other_lines_stay_text
    shaped = boot(APP, "--log-format", "%{status} %{path}")
    shaped.signal(:TERM)
    shaped.wait_for_log(/level=info .*draining/)
    assert_equal 0, shaped.wait.exitstatus
  end

  def test_what_is_no_pattern_is_refused_with_a_suggestion
    assert_match(/%\{sttus\}.*status/, refuse("--log-format", "%{sttus}", APP))
    assert_match(/a % that begins/, refuse("--log-format", "50% %{status}", APP))
    assert_match(/shows no field/, refuse("--log-format", "100%%", APP))
    assert_match(/no field/, refuse("--log-format", "%{header.X-Hyperion-Admin-Token}", APP))
    assert_match(/log_format/, refuse("--log-format", "nonsense", APP))
  end
end
