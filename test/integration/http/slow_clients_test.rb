# frozen_string_literal: true

require_relative "../../support/herd"
require_relative "../../support/integration"

# Slow peers in numbers, and what a normal client notices of them.
module SlowPeers
  # Long enough for a busy machine, short beside the deadlines that end slow peers.
  PROMPT_S = 3.0

  def herd(count, bytes, **options)
    HyperionTest::Herd.new(server, count, bytes, **options).tap { |herd| ending { herd.stop } }
  end

  # Asks on fresh connections again and again; the slowest answer counts.
  def assert_prompt(times: 10)
    slowest = Array.new(times) { elapsed { assert_equal 200, get("/ignore").status } }.max
    assert_operator slowest, :<, PROMPT_S, "seconds for a normal request meanwhile"
  end
end

# Each slow peer is ended in time.
class SlowClientsTest < HyperionTest::IntegrationCase
  include SlowPeers
  serve "probe.ru", "-t", "2", "--read-timeout", "1", "--max-request-read-seconds", "2", "--write-timeout", "1",
    "--max-connections", "4000", "--no-log-requests"

  def assert_all_timed_out(slow)
    others = slow.received.reject { |bytes| bytes.empty? || bytes.start_with?("HTTP/1.1 408 ") }
    assert_empty others.uniq, "neither silent nor 408"
  end

  def test_C1_slow_heads_end_at_the_total_deadline
    slow = herd(500, "GET / HTTP/1.1\r\nHost: a\r\nX: #{"x" * 1000}").drip(interval: 0.2)
    assert_prompt
    assert slow.wait_ended(10), "some slow connections are still open"
    assert_all_timed_out(slow)
    assert(slow.received.all? { |bytes| bytes.start_with?("HTTP/1.1 408 ") })
  end

  def test_C1_silent_connections_are_closed_without_a_word
    slow = herd(300, "").drip
    assert_prompt
    assert slow.wait_ended(10), "some silent connections are still open"
    assert_equal [""], slow.received.uniq
  end

  def test_C1_a_connection_costs_little_memory
    assert_prompt
    before = server.rss_kb
    herd(1000, "GET / HTTP/1.1\r\nHost: a\r\nX: #{"x" * 500}").send_bytes(400)
    assert_prompt
    assert_operator (server.rss_kb - before) / 1000.0, :<, 48, "KiB for a connection with half a head"
  end

  def test_C2_W16_slow_bodies_end_by_the_minimum_rate
    slow = herd(200, "POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n#{"x" * 9999}")
    slow.send_bytes(60).drip(count: 10, interval: 0.3)
    assert_prompt
    assert slow.wait_ended(15), "some slow uploads are still open"
    assert(slow.received.all? { |bytes| bytes.start_with?("HTTP/1.1 408 ") })
  end

  def test_C2_bodies_that_stall_at_the_end_are_timed_out
    slow = herd(100, "POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n#{"x" * 199_000}")
    slow.drip(count: 300_000, interval: 0.05)
    assert_prompt
    assert slow.wait_ended(10), "some stalled uploads are still open"
    assert(slow.received.all? { |bytes| bytes.start_with?("HTTP/1.1 408 ") })
  end

  def test_A10_chunks_of_one_byte_do_not_evade_the_minimum_rate
    slow = herd(50, "POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n#{"1\r\nx\r\n" * 3000}")
    slow.send_bytes(70).drip(count: 24, interval: 0.2)
    assert slow.wait_ended(15), "some slow uploads are still open"
    assert_all_timed_out(slow)
  end

  def test_C2_an_upload_above_the_minimum_rate_passes
    client = connect
    pieces = Array.new(60) { "x" * 200 }
    client.write("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 12000\r\n\r\n").write_slowly(pieces, interval: 0.05)
    assert_equal 12_000, client.response.json["size"]
  end

  def test_C3_W16_readers_that_take_nothing_are_cut_off
    descriptors = server.descriptor_count
    memory = server.rss_kb
    herd(100, "GET /file HTTP/1.1\r\nHost: a\r\n\r\n", receive_buffer: 4096).send_bytes(1000)
    assert_prompt
    assert_operator server.rss_kb - memory, :<, 100 * 512, "KiB more for 100 readers"
    eventually("slow readers were kept", timeout: 10) { server.descriptor_count <= descriptors }
  end

  def test_C3_a_reader_above_the_minimum_rate_gets_everything
    client = connect(receive_buffer: 16_384)
    client.request("GET", "/pattern?8000000", "connection" => "close")
    received = client.read_slowly(20_000, interval: 0.2, times: 15) + client.read_to_end
    assert_equal 8_000_000, received.split("\r\n\r\n", 2).last.bytesize
  end
end

# With deadlines far away, slow peers cost a normal client nothing: no Ruby thread waits for them.
class UnhurriedServerTest < HyperionTest::IntegrationCase
  include SlowPeers
  serve "probe.ru", "-t", "2", "--max-connections", "4000", "--no-log-requests"

  def test_W23_slow_uploads_and_slow_readers_leave_two_threads_free
    uploads = herd(200, "POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n#{"x" * 99_000}")
    uploads.send_bytes(60).drip(count: 50)
    start_slow_readers
    assert_prompt(times: 30)
  end

  def test_C3_W23_readers_that_take_nothing_hold_no_ruby_thread
    start_slow_readers
    assert_prompt
  end

  def test_C3_readers_of_a_file_cost_no_memory_of_its_size
    assert_prompt
    memory = server.rss_kb
    herd(200, "GET /file HTTP/1.1\r\nHost: a\r\n\r\n", receive_buffer: 4096).send_bytes(1000)
    assert_prompt
    assert_operator server.rss_kb - memory, :<, 200 * 512, "KiB more for 200 readers of 10 MB"
  end

  def test_C4_flooding_connections_do_not_starve_a_new_one_nor_each_other
    flood = herd(20, "GET /ignore HTTP/1.1\r\nHost: a\r\n\r\n" * 20_000).drip(count: 8192, interval: 0.001)
    assert_prompt(times: 20)
    eventually("some flooding connection got no answer: #{shares(flood)}", timeout: 10) { shares(flood).min.positive? }
    assert_prompt(times: 20)
  end

  # Behind the request that follows them in the queue, all large responses have been made.
  def start_slow_readers
    herd(20, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n", receive_buffer: 4096).send_bytes(1000)
    get("/ignore")
  end

  # Answers that each connection received.
  def shares(flood) = flood.received.map { |bytes| bytes.scan("HTTP/1.1 200").size }
end

# Between requests another clock runs than within one.
class IdleConnectionTest < HyperionTest::IntegrationCase
  def assert_ends_after(seconds, client)
    took = elapsed { assert_ended client }
    assert_operator took, :>=, seconds * 0.7
    assert_operator took, :<, seconds + 2
  end

  def test_W16_W24_idle_time_is_not_read_time
    client = connect(boot("probe.ru", "--read-timeout", "1", "--idle-keepalive", "20"))
    client.get("/ignore")
    assert client.silent?(1.6), "the idle connection was ended by the read timeout"
    assert_equal "ignored", client.get("/ignore").body
    client.write("GET")
    took = elapsed { assert_equal 408, client.response.status }
    assert_operator took, :<, 3
    assert_ended client
  end

  def test_W16_idle_keepalive_ends_silently
    client = connect(boot("probe.ru", "--read-timeout", "20", "--idle-keepalive", "1"))
    client.get("/ignore")
    assert_ends_after 1, client
  end

  def test_W24_a_second_request_has_as_much_time_as_the_first
    client = connect(boot("probe.ru", "--read-timeout", "3", "--idle-keepalive", "1"))
    2.times do
      client.write("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n").write_slowly(%w[a b c], interval: 0.8)
      assert_equal 3, client.response.json["size"]
    end
  end

  def test_W16_read_timeout_without_a_byte_is_silent
    client = connect(boot("probe.ru", "--read-timeout", "1"))
    assert_ends_after 1, client
  end

  def test_W16_max_request_read_seconds_zero_is_off
    app = boot("probe.ru", "--read-timeout", "5", "--max-request-read-seconds", "0")
    client = connect(app)
    client.write("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n").write_slowly(%w[a b c d e f], interval: 0.3)
    assert_equal 6, client.response.json["size"]
  end

  def test_W16_the_app_may_take_longer_than_every_timeout
    app = boot("probe.ru", "--read-timeout", "0.3", "--max-request-read-seconds", "0.3", "--idle-keepalive", "0.3",
      "--write-timeout", "0.3")
    assert_equal "slept", connect(app).get("/sleep?1.5").body
  end
end
