# frozen_string_literal: true

require_relative "process_case"
require "json"

# One access line per response, with every field of CONTRACT.md, as text and as JSON.
class LogsTest < HyperionTest::ProcessCase
  FIELDS = %w[ts level source message method path query status duration_ms queue_ms bytes remote_addr http_version].freeze

  serve BASIC, "--log-format", "json"

  def json_line(pattern, to: server)
    text = eventually { to.log.lines.find { |line| pattern.match?(line) } }
    JSON.parse(text)
  end

  def test_W19_a_json_line_has_every_field
    get("/pid?a=1&b=two")
    line = json_line(/"a=1&b=two"/)
    assert_equal [], FIELDS - line.keys
    assert_equal ["GET", "/pid", "a=1&b=two", 200, "127.0.0.1"], line.values_at("method", "path", "query", "status", "remote_addr")
    assert_match(%r{\A(HTTP/)?1\.1\z}, line["http_version"])
    assert_equal "info", line["level"].downcase
    assert_kind_of Numeric, line["duration_ms"]
    assert_kind_of Numeric, line["queue_ms"]
    assert_match(/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\z/, line["ts"])
  end

  def test_W19_each_kind_of_response_is_logged
    get("/not-there?missing")
    assert_equal 404, json_line(/missing/)["status"]
    fetch("HEAD", "/pid?head")
    assert_equal ["HEAD", 0], json_line(/"head"/).values_at("method", "bytes")
    connect.write("GET /old?zero HTTP/1.0\r\n\r\n").read_to_end
    assert_match(/1\.0/, json_line(/"zero"/)["http_version"])
  end

  def test_W19_a_refused_request_is_logged
    mark = server.log.size
    connect.write("GET /refused HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n").read_to_end
    line = server.wait_for_log(/^\{.*"status":400.*\}$/, from: mark)
    assert_equal "127.0.0.1", JSON.parse(line[0])["remote_addr"]
  end

  def test_W19_bytes_count_the_body
    response = get("/env?PATH")
    assert_equal response.body.bytesize, json_line(/"query":"PATH"/)["bytes"]
  end

  def test_duration_covers_the_app
    get("/sleep?0.25")
    assert_in_delta 300, json_line(/"0.25"/)["duration_ms"], 120
  end

  def test_queue_time_is_the_wait_for_a_thread
    narrow = boot(BASIC, "-t", "1", "--log-format", "json")
    first = connect(narrow).request("GET", "/sleep?0.4")
    assert first.silent?(0.1)
    get("/pid?queued", to: narrow)
    assert_operator json_line(/"queued"/, to: narrow)["queue_ms"], :>, 150
  end

  def test_W19_B5_the_wire_cannot_forge_json
    paths = ['/a"b?x="y"', "/tab%09", "/back\\slash", "/quote\",\"status\":200,\"x\":\"", "/\xC3\xA9\xFF\xFE".b]
    paths.each_with_index do |path, i|
      target = "#{path}#{path.include?("?") ? "&" : "?"}n=forge#{i}"
      connect.write("GET #{target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".b).read_to_end
    end
    lines = eventually { found = server.log.lines.grep(/n=forge\d/); found if found.size >= 1 && server.log.include?("n=forge0") }
    lines.each { |line| assert_equal [], FIELDS - JSON.parse(line).keys }
    assert_equal '/a"b', json_line(/n=forge0/)["path"]
  end

  def test_a_text_line_has_every_fact
    text = boot(BASIC, "--log-format", "text")
    get("/not-there?a=text", to: text)
    line = eventually { text.log.lines.find { |candidate| candidate.include?("a=text") } }
    %w[GET /not-there 404 127.0.0.1].each { |part| assert_includes line, part }
    refute_match(/\e\[/, line, "no colours without a terminal")
    mark = text.log.size
    connect(text).write("NONSENSE\r\n\r\n").read_to_end
    text.wait_for_log(/\b400\b/, from: mark)
  end

  def test_W19_B5_the_wire_cannot_forge_text
    text = boot(BASIC, "--log-format", "text")
    connect(text).write("GET /\e[31mred?x=ansi HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").read_to_end
    connect(text).write("GET /caf\xC3\xA9\xFF?x=utf HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".b).read_to_end
    get("/done?x=done", to: text)
    text.wait_for_log(/x=done/)
    refute_match(/\e|<ff>/, text.log)
  end

  def test_no_log_requests
    quiet = boot(BASIC, "--no-log-requests", "--log-format", "json")
    get("/pid?unseen", to: quiet)
    quiet.stop
    refute_includes quiet.log, "unseen"
    refute_includes quiet.log, '"status"'
  end

  def test_log_level_hides_what_is_below
    quiet = boot(BASIC, "--log-level", "error")
    get("/pid?unseen", to: quiet)
    quiet.stop
    refute_includes quiet.log, "unseen"
    loud = boot(file("config.ru", "run ->(_) { raise 'seen at error' }\n"), "--log-level", "error")
    assert_equal 500, get("/", to: loud).status
    loud.wait_for_log(/seen at error/)
  end

  def test_an_error_line_is_json_too
    raising = boot(file("config.ru", "run ->(_) { raise \"two\\nlines \\\"quoted\\\"\" }\n"), "--log-format", "json")
    get("/", to: raising)
    line = eventually { raising.log.lines.find { |candidate| candidate.start_with?("{") && candidate.include?("quoted") } }
    assert_equal "error", JSON.parse(line)["level"].downcase
  end

  def test_auto_is_json_in_production_and_without_a_terminal
    %w[production staging development].each do |environment|
      auto = boot(BASIC, "-e", environment)
      get("/pid?auto", to: auto)
      assert_equal 200, json_line(/"auto"/, to: auto)["status"]
    end
  end

  def test_lines_of_many_requests_do_not_mix
    running = server
    threads = Array.new(4) do |number|
      Thread.new do
        client = running.connect
        50.times { |i| client.get("/pid?mix#{number}x#{i}#{"y" * i * 20}") }
        client.close
      end
    end
    threads.each(&:join)
    lines = eventually { found = server.log.lines.grep(/mix\dx/); found if found.size >= 200 }
    assert_equal 200, lines.map { |line| JSON.parse(line).fetch("query")[/mix\dx\d+/] }.uniq.size
  end

  def test_writing_the_log_never_blocks_a_request
    port = TCPServer.open("127.0.0.1", 0) { |free| free.addr[1] }
    unread, out = IO.pipe
    pid = Process.spawn(*HyperionTest::TestServer.command, "-b", "127.0.0.1", "-p", port.to_s, "#{ROOT}/#{BASIC}", out: out, pgroup: true)
    ending { Process.kill(:KILL, -pid) and Process.wait(pid) }
    out.close
    client = eventually(timeout: 10) { HyperionTest::RawClient.tcp("127.0.0.1", port) rescue nil }
    400.times { |i| assert_equal 200, client.get("/pid?#{i}#{"z" * 2000}").status }
    unread.close
    50.times { |i| assert_equal 200, client.get("/pid?closed#{i}").status }
    client.close
  end

  def test_a_log_file_takes_the_access_lines
    path = "#{dir}/access.log"
    logging = boot_with("log_file #{path.inspect}\nlog_format :json\n", "-w", "2")
    8.times { |i| get("/pid?n=#{i}", to: logging) }
    lines = eventually { found = File.exist?(path) ? File.readlines(path).grep(/"n=\d"/) : []; found if found.size == 8 }
    lines.each { |line| assert_equal 200, JSON.parse(line)["status"] }
    refute_match(/"n=\d"/, logging.log)
  end
end
