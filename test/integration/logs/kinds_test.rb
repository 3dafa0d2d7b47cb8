# frozen_string_literal: true

require_relative "lines_case"

# Each response has one line, whoever answers it.
class KindsTest < HyperionTest::LinesCase
  OPTIONS = ["-t", "1", "--log-format", "json", "--admin-token", TOKEN, "--read-timeout", "1"].freeze
  serve APP, *OPTIONS
  FIELDS = %w[ts level source message method path query status duration_ms queue_ms bytes remote_addr http_version].freeze
  HOST = "Host: a\r\n"
  # What is sent, and the status and method of its line.
  REFUSED = {
    "a version" => ["GET /refused-%s HTTP/3.7\r\n\r\n", 505, "GET"],
    "no host" => ["GET /refused-%s HTTP/1.1\r\n\r\n", 400, "GET"],
    "a head that never ends" => ["GET /refused-%s HTTP/1.1\r\n#{HOST}", 408, "GET"],
    "a body that never ends" => ["POST /refused-%s HTTP/1.1\r\n#{HOST}Content-Length: 5\r\n\r\nab", 408, "POST"],
    "a long target" => ["GET /refused-%s#{"x" * 70_000} HTTP/1.1\r\n#{HOST}\r\n", 414, "GET"],
    "a large head" => ["GET /refused-%s HTTP/1.1\r\n#{HOST}X: #{"x" * 70_000}\r\n\r\n", 431, "GET"],
    "a large body" => ["POST /refused-%s HTTP/1.1\r\n#{HOST}Content-Length: 99999999999\r\n\r\n", 413, "POST"],
    "a bad chunk" => ["POST /refused-%s HTTP/1.1\r\n#{HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "POST"],
    "an unknown coding" => ["POST /refused-%s HTTP/1.1\r\n#{HOST}Transfer-Encoding: gzip\r\n\r\n", 501, "POST"],
    "an expectation" => ["POST /refused-%s HTTP/1.1\r\n#{HOST}Expect: x\r\nContent-Length: 1\r\n\r\n", 417, "POST"]
  }.freeze

  def test_W19_each_kind_of_answer_has_its_line
    {
      "/?app" => 200, "/block?block" => 200, "/static?static" => 200, "/files/lines.ru?file" => 200, "/files/none?nofile" => 404,
      "/raise?raise" => 500, "/block/raise?blockraise" => 500, "/split?split" => 500, "/early?early" => 200, "/-/health?health" => 200,
      "/-/ready?ready" => 200
    }.each do |target, status|
      answer = get(target)
      found = entry(%("query":"#{target[/\w+\z/]}"))
      assert_equal FIELDS, found.keys & FIELDS
      expected = [status, "GET", target[/[^?]+/], answer.body.bytesize, "127.0.0.1", "1.1"]
      assert_equal expected, found.values_at("status", "method", "path", "bytes", "remote_addr", "http_version"), target
    end
  end

  # Whoever puts the token into the query by mistake does not find it in the log.
  def test_W19_the_servers_pages_behind_the_token
    { "metrics" => [401, {}], "stats" => [200, { "x-hyperion-admin-token" => TOKEN }] }.each do |page, (status, headers)|
      answer = get("/-/#{page}?token=#{TOKEN}", **headers)
      assert_equal [status, "GET", answer.body.bytesize], entry(%("path":"/-/#{page}")).values_at("status", "method", "bytes")
    end
    refute_includes server.log, TOKEN
  end

  def test_W19_answers_without_a_body
    etag = get("/static")["etag"]
    assert_equal 304, get("/static?unchanged", "if-none-match" => etag).status
    assert_equal [304, 0], entry('"query":"unchanged"').values_at("status", "bytes")
    assert_equal 206, get("/files/lines.ru?part", "range" => "bytes=0-9").status
    assert_equal [206, 10], entry('"query":"part"').values_at("status", "bytes")
    assert_equal 416, get("/files/lines.ru?beyond", "range" => "bytes=999999-").status
    assert_equal 416, entry('"query":"beyond"')["status"]
    { "/static?head" => 200, "/?apphead" => 200, "/files/lines.ru?filehead" => 200, "/raise?raisehead" => 500 }.each do |target, status|
      fetch("HEAD", target)
      assert_equal ["HEAD", status, 0], entry(%("query":"#{target[/\w+\z/]}")).values_at("method", "status", "bytes")
    end
  end

  def test_W19_answers_in_pieces
    wire = connect.write("GET /stream?pieces HTTP/1.1\r\n#{HOST}Connection: close\r\n\r\n").read_to_end
    assert_equal [200, wire.split("\r\n\r\n", 2).last.bytesize], entry('"query":"pieces"').values_at("status", "bytes")
    connect.write("GET /cut?half HTTP/1.1\r\n#{HOST}\r\n").read_to_end
    assert_equal 200, entry('"query":"half"')["status"]
    connect.write("GET /stream?old HTTP/1.0\r\n\r\n").read_to_end
    assert_equal [200, "1.0", 21], entry('"query":"old"').values_at("status", "http_version", "bytes")
    connect.write("GET /switch?up HTTP/1.1\r\n#{HOST}Connection: upgrade\r\nUpgrade: echo\r\n\r\n").read_to_end
    assert_equal [101, 2], entry('"query":"up"').values_at("status", "bytes")
  end

  def test_W19_a_client_that_breaks_off_is_499
    client = connect.request("GET", "/sleep?0.3001")
    assert client.silent?(0.1)
    client.abort
    assert_equal [499, 0], entry("0.3001").values_at("status", "bytes")
  end

  def test_W19_a_request_that_was_never_complete_has_no_line
    connect.write("GET /incomplete HTTP/1.1\r\nHos").close_write.read_to_end
    connect.write("POST /incomplete HTTP/1.1\r\n#{HOST}Content-Length: 9\r\n\r\nab").tap { |client| assert client.silent?(0.05) }.abort
    get("/?behind-incomplete")
    line("behind-incomplete")
    refute_includes server.log, "/incomplete"
  end

  REFUSED.each_with_index do |(title, (bytes, status, method)), index|
    define_method("test_W19_#{title.tr(" ", "_")}_is_refused_with_a_line") do
      answer = connect.write(format(bytes, index)).response
      found = entry("/refused-#{index}")
      assert_equal [status, status, method, answer.body.bytesize],
                   [answer.status, *found.values_at("status", "method", "bytes")]
      assert_operator found["duration_ms"], :>=, status == 408 ? 900 : 0
      assert_equal "1.1", found["http_version"] unless [505, 414].include?(status)
    end
  end

  # The app reads the body already when it turns out to be nonsense, or does not come.
  { "nonsense" => ["Transfer-Encoding: chunked", "zz\r\n", 400], "silence" => ["Content-Length: 5", "a", 408] }.each do |title, (framing, body, status)|
    define_method("test_W19_a_body_that_the_app_waits_for_and_is_#{title}_is_one_line_and_one_status") do
      asked = boot(APP, *OPTIONS)
      client = connect(asked).write("POST /read?awaited HTTP/1.1\r\n#{HOST}Expect: 100-continue\r\n#{framing}\r\n\r\n")
      assert_equal 100, client.response_head.status
      answer = client.write(body).response
      assert_equal status, answer.status
      found = entry("awaited", to: asked)
      assert_equal [status, "/read", answer.body.bytesize], found.values_at("status", "path", "bytes")
      assert_operator found["duration_ms"], :>=, found["queue_ms"]
      page = get("/-/metrics", to: asked, "x-hyperion-admin-token" => TOKEN).body
      assert_equal [["#{status}", "1"]], page.scan(/^hyperion_responses_status_total\{status="(\d+)"\} (\d+)/)
    end
  end

  def test_W19_what_is_no_http_at_all_has_a_line
    mark = server.stdout.bytesize
    connect.write("\x16\x03\x01\x02\x00\x01\x00".b).response
    found = eventually { server.stdout.byteslice(mark..).lines.grep(/u0016.*\n\z/).first }
    assert_equal [400, "", "127.0.0.1"], JSON.parse(found).values_at("status", "path", "remote_addr")
  end

  def test_W19_a_full_queue_is_a_line_too
    full = boot(APP, "-t", "1", "--max-pending", "1", "--log-format", "json", *driver)
    busy = connect(full).request("GET", "/sleep?1.001")
    assert busy.silent?(0.1)
    waiting = connect(full).request("GET", "/?waits")
    assert waiting.silent?(0.1)
    answer = get("/?one-too-many", to: full)
    assert_equal [503, 503, answer.body.bytesize], [answer.status, *entry("one-too-many", to: full).values_at("status", "bytes")]
  end

  def test_W19_a_connection_too_many_is_a_line_too
    full = boot(APP, "--max-connections", "1", "--log-format", "json", *driver)
    assert_equal 200, connect(full).get("/?first-of-one").status
    refused = connect(full)
    assert_equal 503, refused.response.status
    found = eventually { full.stdout.lines.grep(/"status":503/).first }
    assert_equal [503, "127.0.0.1"], JSON.parse(found).values_at("status", "remote_addr")
  end

  def test_pipelined_answers_have_their_lines_in_order
    connect.write((1..5).map { |index| "GET #{index.odd? ? "/static" : "/"}?pipe#{index} HTTP/1.1\r\nHost: a\r\n\r\n" }.join).tap { |client| 5.times { client.response } }
    line("pipe5")
    assert_equal %w[pipe1 pipe2 pipe3 pipe4 pipe5], server.stdout.scan(/"query":"(pipe\d)"/).flatten
  end

  def test_quit_has_its_line
    ending = boot(APP, *OPTIONS)
    assert_equal 202, post("/-/quit", "", to: ending, "x-hyperion-admin-token" => TOKEN).status
    assert_equal 0, ending.wait.exitstatus
    assert_equal [202, "POST"], entry('"path":"/-/quit"', to: ending).values_at("status", "method")
  end

  private

  def driver = []
end

# The same behind the other driver.
class KindsOverIoUringTest < KindsTest
  serve APP, *OPTIONS, "--io", "io_uring"

  private

  def driver = %w[--io io_uring]
end
