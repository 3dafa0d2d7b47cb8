# frozen_string_literal: true

require_relative "../../support/attack_case"

# One line per response, whatever the peer sends; shared by both formats.
module HostileLogLines
  ESCAPES = {
    "terminal codes" => ["/%1b[31m-red", "\e[31mred".b], "an encoded line end" => ["/a%0d%0alevel=forged", "x"],
    "quotes" => ["/a%22b", "\",\"status\":999,\"x\":\""], "a backslash" => ["/a%5c", "\\"], "upper bytes" => ["/a", "\xff\xfe".b],
    "a query of quotes" => ["/a?\"b\"=\\", "x"]
  }.freeze

  # Sends the target and a hostile value in each of the headers that a log could show.
  def visit(target, value)
    client = connect
    headers = ["User-Agent", "Referer", "X-Request-Id", "X-Forwarded-For"].map { |name| "#{name}: ".b + value.b }
    client.write(head(*headers, "Connection: close", request: "GET #{target} HTTP/1.1"))
    client.read_to_end
  end

  # The lines that one visit adds, found by waiting for the line of a later visit.
  def lines_of(mark)
    from = server.stdout.bytesize
    yield
    get("/mark-#{mark}")
    server.wait_for_log(/\/mark-#{mark}\b.*\n/)
    eventually { server.stdout.byteslice(from..).include?("/mark-#{mark}") }
    server.stdout.byteslice(from..).lines.reject { |line| line.include?("/mark-#{mark}") || line.include?("/seen") }
  end
end

class JsonAccessLogTest < HyperionTest::AttackCase
  include HostileLogLines
  serve "probe.ru", "-t", "1", "--log-format", "json"

  FIELDS = %w[ts level source message method path query status duration_ms queue_ms bytes remote_addr http_version].freeze

  HostileLogLines::ESCAPES.each_with_index do |(title, (target, value)), index|
    define_method("test_B5_W19_#{title.tr(" ", "_")}_makes_one_valid_line") do
      lines = lines_of("json-#{index}") { visit(target, value) }
      assert_equal 1, lines.size, lines.join
      refute_match(/[\x00-\x09\x0b-\x1f\x7f]/n, lines[0].b)
      entry = JSON.parse(lines[0])
      assert_empty FIELDS - entry.keys
    end
  end

  def test_a_line_tells_the_response
    line, = lines_of("told") { get("/pattern?1000") }
    entry = JSON.parse(line)
    assert_equal ["GET", "/pattern", "1000", 200, "127.0.0.1"], entry.values_at("method", "path", "query", "status", "remote_addr")
    assert_operator entry["bytes"], :>=, 1000
    assert_kind_of Numeric, entry["duration_ms"]
    assert_match(/1\.1/, entry["http_version"])
  end

  def test_W19_refused_requests_have_a_line
    {
      "BAD\r\n\r\n" => 400, head("Content-Length: 9", "Content-Length: 8") => 400, head("Content-Length: 99999999999") => 413,
      "GET / HTTP/9.9\r\n\r\n" => 505, head("Expect: x", "Content-Length: 1") => 417
    }.each_with_index do |(bytes, status), index|
      lines = lines_of("refused-#{index}") { connect.write(bytes).read_to_end }
      assert_equal([status], lines.filter_map { |line| JSON.parse(line)["status"] })
    end
  end

  def test_all_lines_behind_the_banner_are_json
    get("/raise")
    lines_of("all") { get("/") }
    logged = server.stdout.lines.drop_while { |line| !line.start_with?("{") }
    logged.each { |line| assert_kind_of Hash, JSON.parse(line) }
    assert_operator logged.size, :>, 2
  end
end

class TextAccessLogTest < HyperionTest::AttackCase
  include HostileLogLines
  serve "probe.ru", "-t", "1", "--log-format", "text"

  HostileLogLines::ESCAPES.each_with_index do |(title, (target, value)), index|
    define_method("test_B5_#{title.tr(" ", "_")}_makes_one_plain_line") do
      lines = lines_of("text-#{index}") { visit(target, value) }
      assert_equal 1, lines.size, lines.join
      assert lines[0].valid_encoding?
      refute_match(/[\x00-\x09\x0b-\x1f\x7f]/n, lines[0].b)
    end
  end

  def test_a_line_tells_the_response
    line, = lines_of("told") { get("/pattern?1000") }
    ["GET", "/pattern", "200", "127.0.0.1"].each { |word| assert_includes line, word }
  end
end

class NoAccessLogTest < HyperionTest::AttackCase
  serve "probe.ru", "-t", "1", "--no-log-requests"

  def test_W16_no_line_is_written
    get("/unlogged")
    get("/raise")
    server.wait_for_log(/secret of the app/)
    refute_includes server.log, "/unlogged"
  end
end
