# frozen_string_literal: true

require_relative "../../support/integration"

# Every limit of the command line has the effect that it names.
class LimitsTest < HyperionTest::IntegrationCase
  def test_W16_max_body_bytes
    app = boot("probe.ru", "--max-body-bytes", "1000")
    assert_equal 200, post("/digest", "x" * 1000, to: app).status
    standard_clients_are_refused(app)
    client = connect(app)
    assert_equal 413, client.post("/digest", "x" * 1001).status
    assert_ended client
    client = connect(app)
    client.write("POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n#{"1\r\nx\r\n" * 1001}0\r\n\r\n")
    assert_equal 413, client.response.status
    assert_ended client
  end

  # What it sends is more than any buffer holds, and it reads no response before all has left.
  def standard_clients_are_refused(app)
    code = "import http.client,sys; c=http.client.HTTPConnection(sys.argv[1]); c.request('POST','/digest',b'x'*30_000_000); print(c.getresponse().status)"
    assert_equal "413", IO.popen(["/usr/bin/python3", "-c", code, app.authority], &:read).strip
    app.wait_for_log(/"status":413.*"reason":"body_too_large","option":"max_body_bytes"/)
  end

  def test_W16_max_header_bytes
    app = boot("probe.ru", "--max-header-bytes", "2000")
    assert_equal 200, get("/ignore", "x" => "x" * 1500, to: app).status
    client = connect(app)
    assert_equal 431, client.get("/ignore", "x" => "x" * 2000).status
    assert_ended client
  end

  def test_W16_max_header_bytes_may_be_raised
    app = boot("probe.ru", "--max-header-bytes", "200000")
    assert_equal 200, get("/ignore", "x" => "x" * 150_000, to: app).status
  end

  def test_W16_max_header_fields
    short = (1..200).to_h { |number| ["x-#{number}", "1"] }
    assert_equal 200, get("/ignore", **short, to: boot("probe.ru")).status, "apps and proxies send that many"
    app = boot("probe.ru", "--max-header-fields", "100")
    assert_equal 200, get("/ignore", **short.first(90).to_h, to: app).status
    client = connect(app)
    assert_equal 431, client.get("/ignore", **short).status
    assert_ended client
  end

  def test_W16_max_target_bytes
    app = boot("probe.ru", "--max-target-bytes", "2000")
    assert_equal 200, get("/ignore?#{"x" * 1900}", to: app).status
    client = connect(app)
    assert_equal 414, client.get("/ignore?#{"x" * 2000}").status
    assert_ended client
  end

  def test_W16_max_pending_answers_503_at_once
    app = boot("probe.ru", "-t", "1", "--max-pending", "2")
    3.times { |index| occupy(app, index) }
    response = get("/ignore", to: app)
    assert_equal 503, response.status
    assert_match(/\A\d+\z/, response["retry-after"])
  end

  def test_W16_max_connections
    app = boot("probe.ru", "--max-connections", "3")
    kept = Array.new(3) { connect(app).tap { |client| client.get("/ignore") } }
    client = connect(app)
    client.request("GET", "/ignore")
    assert_equal 503, client.response.status
    assert_ended client
    assert_equal 200, kept[0].get("/ignore").status
    kept.pop.close
    eventually("no connection is taken again") { get("/ignore", to: app).status == 200 }
  end

  def test_W16_one_request_of_a_connection_is_in_flight_by_default
    app = boot("probe.ru", "-t", "4")
    client = connect(app)
    client.request("GET", "/wait?one").request("GET", "/wait?two")
    app.wait_for_log(/waiting for one/)
    get("/ignore", to: app)
    refute_match(/waiting for two/, app.log)
    get("/open?one", to: app)
    assert_equal "waited for one", client.response.body
    app.wait_for_log(/waiting for two/)
    get("/open?two", to: app)
    assert_equal "waited for two", client.response.body
  end

  def test_W16_max_in_flight_per_conn
    app = boot("probe.ru", "-t", "4", "--max-in-flight-per-conn", "2")
    client = connect(app)
    %w[one two three].each { |name| client.request("GET", "/wait?#{name}") }
    app.wait_for_log(/waiting for one/)
    app.wait_for_log(/waiting for two/)
    get("/ignore", to: app)
    refute_match(/waiting for three/, app.log)
    %w[two one three].each { |name| get("/open?#{name}", to: app) }
    assert_equal %w[one two three], Array.new(3) { client.response.body.delete_prefix("waited for ") }
  end

  def test_max_in_flight_per_conn_lets_only_safe_requests_overlap
    app = boot("probe.ru", "-t", "4", "--max-in-flight-per-conn", "4")
    client = connect(app)
    client.request("GET", "/wait?one").request("POST", "/wait?two", body: "x")
    app.wait_for_log(/waiting for one/)
    get("/ignore", to: app)
    refute_match(/waiting for two/, app.log)
    %w[one two].each { |name| get("/open?#{name}", to: app) }
    assert_equal %w[one two], Array.new(2) { client.response.body.delete_prefix("waited for ") }
  end

  def test_a_pipeline_beyond_the_limit_is_not_read
    app = boot("probe.ru", "-t", "1", "--no-log-requests")
    client = connect(app)
    client.request("GET", "/wait?one")
    app.wait_for_log(/waiting for one/)
    memory = app.rss_kb
    assert_raises(HyperionTest::RawClient::TimedOut) do
      client.write("GET /ignore HTTP/1.1\r\nHost: a\r\nX: #{"x" * 1000}\r\n\r\n" * 20_000, timeout: 1)
    end
    assert_operator app.rss_kb - memory, :<, 8 * 1024
  end

  def test_a_request_whose_client_left_before_its_turn_is_skipped_and_counted
    app = boot("probe.ru", "-t", "1")
    connect(app).request("GET", "/sleep?0.5")
    eventually("not accepted") { unread(app).zero? }
    gone = Array.new(5) { app.connect.request("GET", "/gone") }
    eventually("not read") { unread(app).zero? }
    gone.each(&:abort)
    stats = get("/stats", to: app).json
    assert_equal [5, 0], stats.values_at("cancelled_before_dispatch", "engine_panics")
    assert_equal ["GET /sleep", "GET /stats"], get("/seen", to: app).json
  end

  def test_a_request_whose_client_closed_is_skipped_and_one_whose_client_still_reads_is_answered
    app = boot("probe.ru", "-t", "1")
    connect(app).request("GET", "/sleep?1")
    eventually("not accepted") { unread(app).zero? }
    reader = connect(app).request("GET", "/reader").tap(&:close_write)
    gone = Array.new(50) { app.connect.request("GET", "/gone") }
    eventually("not read") { unread(app).zero? }
    gone.each(&:close)
    assert_equal [100, 200], [reader.response_head.status, reader.response.status]
    assert_equal 50, get("/stats", to: app).json["cancelled_before_dispatch"]
    assert_equal ["GET /sleep", "GET /reader", "GET /stats"], get("/seen", to: app).json
  end

  private

  # A request that holds the executor (the first) or waits in the queue (the others).
  def occupy(app, index)
    connect(app).request("GET", "/wait?#{index}")
    index.zero? ? app.wait_for_log(/waiting for 0/) : eventually("not accepted") { unread(app).zero? }
  end

  # Bytes that wait in the kernel for the server to read them, over all its connections.
  def unread(app)
    port = format(":%04X", app.port)
    rows = File.readlines("/proc/net/tcp").drop(1).map(&:split).select { |row| row[1].end_with?(port) }
    rows.sum { |row| row[4].split(":").last.hex }
  end
end
