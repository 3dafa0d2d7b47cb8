# frozen_string_literal: true

require_relative "tls_case"
require "digest"

# Requests and responses of HTTP/1.1 in a TLS session: all that holds in plain text holds here.
class MessagesTest < HyperionTest::TlsCase
  BIG_BYTES = 10_000_000
  VERSIONS = %i[TLS1_2 TLS1_3].freeze
  BODY = (0...4096).map { |index| format("%08x", index) }.join.then { |line| (line * (BIG_BYTES / line.bytesize + 1)).byteslice(0, BIG_BYTES) }.freeze

  def test_many_requests_of_a_connection
    client = secure_client
    200.times { |i| assert_equal "GET /#{i}", client.get("/#{i}").body }
  end

  def test_pipelined_requests
    client = secure_client
    client.write(Array.new(50) { |i| "GET /#{i} HTTP/1.1\r\nHost: a\r\n\r\n" }.join)
    assert_equal Array.new(50) { |i| "GET /#{i}" }, Array.new(50) { client.response.body }
  end

  def test_a_request_in_records_of_a_byte
    client = secure_client
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".each_char { |char| client.write(char) }
    assert_equal "hello", client.response.json["body"]
  end

  VERSIONS.each do |version|
    define_method("test_a_large_request_by_#{version}") do
      expected = { "size" => BIG_BYTES, "sha256" => Digest::SHA256.hexdigest(BODY) }
      assert_equal expected, secure_client(version: version).post("/digest", BODY, timeout: 30).json
    end

    %w[/big /file].each do |path|
      define_method("test_a_large_response_of_#{path.delete("/")}_by_#{version}") do
        assert_equal BODY, secure_client(version: version).get(path, timeout: 30).body
      end
    end
  end

  def test_a_large_chunked_request
    client = secure_client
    client.write("POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    BODY.scan(/.{1,100000}/m) { |piece| client.write("#{piece.bytesize.to_s(16)}\r\n#{piece}\r\n") }
    assert_equal Digest::SHA256.hexdigest(BODY), client.write("0\r\n\r\n").response(timeout: 30).json["sha256"]
  end

  def test_a_slow_reader_gets_all_and_holds_up_nobody
    client = secure_client(receive_buffer: 4096).request("GET", "/big", "connection" => "close")
    received = client.read_slowly(8192, interval: 0.02, times: 50)
    20.times { assert_serves }
    whole = received + client.read_to_end(timeout: 30)
    assert_equal Digest::SHA256.hexdigest(BODY), Digest::SHA256.hexdigest(whole.split("\r\n\r\n", 2).last)
  end

  def test_many_slow_readers
    clients = Array.new(20) { secure_client(receive_buffer: 4096).request("GET", "/big") }
    clients.each { |client| client.read_slowly(1024, interval: 0, times: 3) }
    5.times { assert_serves }
  end

  def test_large_messages_both_ways_at_once
    threads = Array.new(4) { Thread.new { [secure_client.post("/digest", BODY, timeout: 60).json["size"], secure_client.get("/big", timeout: 60).body.bytesize] } }
    assert_equal [[BIG_BYTES, BIG_BYTES]], threads.map(&:value).uniq
  end

  def test_curl_sends_and_takes_large_files
    sent = file("sent", BODY)
    out, status = run_program("curl", "-sS", "--http1.1", "--cacert", CA.root_path, "-T", sent, "-X", "POST", "https://localhost:#{server.port}/digest")
    assert status.success?, out
    assert_equal Digest::SHA256.hexdigest(BODY), JSON.parse(out)["sha256"]
    _, status = run_program("curl", "-sS", "--http1.1", "--cacert", CA.root_path, "-o", "#{dir}/got", "https://localhost:#{server.port}/file")
    assert status.success?
    assert_equal BODY, File.read("#{dir}/got")
  end

  def test_the_end_is_announced_by_its_alert
    client = secure_client.request("GET", "/a", "connection" => "close")
    assert_equal "GET /a", client.response.body
    assert_ended client
    refute_predicate client, :reset?, "a client can tell the end from a cut"
  end

  def test_a_client_that_ends_its_side_is_answered
    client = secure_client.request("GET", "/sleep?0.2")
    client.socket.ssl.__send__(:stop)
    client.close
    half = secure_client.request("GET", "/half")
    half.close_write
    assert_equal "GET /half", half.response.body
  end

  def test_an_application_may_take_a_connection
    app = boot(file("config.ru", <<~'RUBY'))
      run ->(env) { [200, { "content-type" => "text/plain" }, ["#{env["rack.hijack?"].inspect} #{env.key?("rack.hijack")}"]] }
    RUBY
    assert_equal "true true", get("/", to: app).body
    secure = boot("#{dir}/config.ru", *LOCAL.flags)
    assert_equal "true true", secure_get("/", to: secure).body
  end

  def test_the_app_may_be_called_before_the_body_is_there
    app = boot(file("config.ru", <<~'RUBY'), "--stream-request-bodies", *LOCAL.flags)
      run ->(env) { env["rack.errors"].puts("begun") || env["rack.errors"].flush && [200, {}, [env["rack.input"].read]] }
    RUBY
    client = secure_client(to: app).write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
    app.wait_for_log(/begun/)
    assert_equal "hello", client.write("hello").response.body
  end

  def test_HEAD_and_errors
    client = secure_client
    assert_equal ["", 200], client.fetch("HEAD", "/a").then { |response| [response.body, response.status] }
    assert_equal 500, client.get("/raise").status
    assert_equal 400, secure_client.write("NONSENSE\r\n\r\n").response.status
  end

  def test_a_streamed_response_leaves_piece_by_piece
    app = boot(file("config.ru", <<~'RUBY'), *LOCAL.flags)
      GATE = Thread::Queue.new
      run(lambda do |env|
        return [200, {}, [GATE.push(1) && "opened"]] if env["PATH_INFO"] == "/open"

        [200, { "content-type" => "text/plain" }, Enumerator.new { |to| 3.times { |i| to << "piece #{i}" && GATE.pop } }]
      end)
    RUBY
    client = secure_client(to: app).request("GET", "/")
    client.response_head
    3.times do |i|
      pieces = +""
      pieces << client.read_some until pieces.include?("piece #{i}")
      secure_get("/open", to: app)
    end
  end

  def test_idle_connections_are_closed
    brief = boot(PROBE, *LOCAL.flags, "--idle-keepalive", "0.5")
    client = secure_client(to: brief)
    client.get("/a")
    assert_ended client
    refute_predicate client, :reset?
  end

  def test_requests_in_flight_are_answered_when_the_server_stops
    app = boot(PROBE, *LOCAL.flags)
    idle = secure_client(to: app).tap { |client| client.get("/a") }
    client = secure_client(to: app).request("GET", "/wait?stop")
    app.wait_for_log(/waiting for stop/)
    opener = secure_client(to: app).write("GET /open?stop HTTP/1.1\r\nHost: a\r\n")
    assert opener.silent?(0.1)
    app.signal(:TERM)
    app.wait_for_log(/draining/)
    assert_ended idle
    assert client.silent?(0.1)
    opener.write("\r\n")
    [opener, client].zip(["opened", "waited for stop"]).each do |one, body|
      response = one.response
      assert_equal [body, true], [response.body, response.close?]
      assert_ended one
      refute_predicate one, :reset?
    end
    assert_equal 0, app.wait.exitstatus
  end

  def test_a_cluster_shares_connections
    %w[reuseport share].each do |model|
      cluster = boot(BASIC, *LOCAL.flags, "-w", "2", "--worker-model", model)
      pids = Array.new(12) { secure_client(to: cluster).get("/pid").body }
      assert_equal [6, 6], pids.tally.values, "#{model}: open connections are shared evenly"
    end
  end

  def test_a_cluster_passes_on_no_secure_connection_that_waits
    cluster = boot(PROBE, *LOCAL.flags, "-w", "2", "-t", "1")
    clients = Array.new(12) { secure_client(to: cluster) }
    3.times do
      clients.each { |client| client.request("GET", "/sleep?0.02") }
      assert_equal ["slept"], clients.map { |client| client.response.body }.uniq
    end
  end
end
