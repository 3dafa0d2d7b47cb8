# frozen_string_literal: true

require_relative "lines_case"

# Each response has one line, whoever answers it.
class KindsTest < HyperionTest::LinesCase
  serve APP, "-t", "1", "--log-format", "json", "--admin-token", TOKEN
  FIELDS = %w[ts level source message method path query status duration_ms queue_ms bytes remote_addr http_version].freeze

  def test_W19_each_kind_of_answer_has_its_line
    {
      "/?app" => 200, "/block?block" => 200, "/static?static" => 200, "/files/lines.ru?file" => 200, "/raise?raise" => 500,
      "/early?early" => 200, "/-/health?health" => 200, "/-/stats?stats" => 401
    }.each do |target, status|
      answer = get(target)
      found = entry(%("query":"#{target[/\w+\z/]}"))
      assert_equal FIELDS, found.keys & FIELDS
      expected = [status, "GET", target[/[^?]+/], answer.body.bytesize, "127.0.0.1", "1.1"]
      assert_equal expected, found.values_at("status", "method", "path", "bytes", "remote_addr", "http_version"), target
    end
  end

  def test_W19_answers_without_a_body
    etag = get("/static")["etag"]
    assert_equal 304, get("/static?unchanged", "if-none-match" => etag).status
    assert_equal [304, 0], entry('"query":"unchanged"').values_at("status", "bytes")
    assert_equal 206, get("/files/lines.ru?part", "range" => "bytes=0-9").status
    assert_equal [206, 10], entry('"query":"part"').values_at("status", "bytes")
    fetch("HEAD", "/static?head")
    assert_equal ["HEAD", 200, 0], entry('"query":"head"').values_at("method", "status", "bytes")
  end

  def test_W19_a_client_that_breaks_off_is_499
    client = connect.request("GET", "/sleep?0.3001")
    assert client.silent?(0.1)
    client.abort
    assert_equal 499, entry("0.3001")["status"]
  end

  def test_W19_what_the_parser_refuses
    { "GET /refused-line HTTP/3.7\r\n\r\n" => [505, "refused-line"], "GET /refused-host HTTP/1.1\r\n\r\n" => [400, "refused-host"] }.each do |bytes, (status, mark)|
      assert_equal status, connect.write(bytes).response.status
      assert_equal [status, "GET", "/#{mark}"], entry(mark).values_at("status", "method", "path")
    end
  end

  def test_W19_a_full_queue_is_a_line_too
    full = boot(APP, "-t", "1", "--max-pending", "1", "--log-format", "json")
    busy = connect(full).request("GET", "/sleep?1.001")
    assert busy.silent?(0.1)
    waiting = connect(full).request("GET", "/?waits")
    assert waiting.silent?(0.1)
    assert_equal 503, get("/?one-too-many", to: full).status
    assert_equal 503, entry("one-too-many", to: full)["status"]
  end

  def test_pipelined_answers_have_their_lines_in_order
    connect.write((1..5).map { |index| "GET #{index.odd? ? "/static" : "/"}?pipe#{index} HTTP/1.1\r\nHost: a\r\n\r\n" }.join).tap { |client| 5.times { client.response } }
    line("pipe5")
    assert_equal %w[pipe1 pipe2 pipe3 pipe4 pipe5], server.stdout.scan(/"query":"(pipe\d)"/).flatten
  end
end
