# frozen_string_literal: true

require "digest"
require_relative "../../support/attack_case"

# Heads and bodies at and over their limits, and large bodies whole in both directions.
class LargeMessagesTest < HyperionTest::AttackCase
  MIB = 1 << 20

  serve "probe.ru", "-t", "1", "--max-body-bytes", "16m", env: { "RACK_ENV" => "production" }

  def self.get(*lines) = head(*lines, request: "GET /attacked HTTP/1.1")

  rejects "C5", "one header of a mebibyte", 431, get("X: #{"x" * MIB}")
  rejects "C5", "ten thousand headers", 431, get(*Array.new(10_000) { |index| "X-#{index}: 1" })
  rejects "C5", "112 kilobytes in all", 431, get(*Array.new(112) { |index| "X-#{index}: #{"x" * 1000}" })
  rejects "C5", "1001 fields", 431, get(*Array.new(1000) { |index| "X-#{index}: 1" })
  rejects "C5", "a name of a hundred kilobytes", 431, get("#{"x" * 100_000}: 1")
  rejects "C5", "a request line of 64 kilobytes", 414, "GET /#{"a" * 65_536} HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "C5", "a request line without end", 414, "GET /#{"a" * 200_000}"

  def test_C5_a_long_connection_header_is_read_as_a_list
    client = connect
    client.write(head("Connection: #{"x," * 4096}close", request: "GET /a HTTP/1.1") + evil)
    assert_equal "GET /a", client.response.body
    assert_ended client
    assert_equal ["GET /a"], reached
  end

  def test_C5_a_hundred_fields_below_the_limit_pass
    env = get("/echo", **Array.new(100) { |index| ["x-#{index}", "v" * 500] }.to_h).json["env"]
    assert_equal 100, env.keys.grep(/\AHTTP_X_\d+\z/).size
  end

  def test_C5_memory_stays_where_it_was
    get("/ignore")
    before = server.rss_kb
    20.times { connect.write(self.class.get("X: #{"x" * MIB}")).read_to_end }
    assert_operator server.rss_kb - before, :<, 20 * 1024
  end

  def test_C6_a_length_over_the_limit_is_refused_before_the_body
    [16 * MIB + 1, 10**18, (1 << 63) - 1].each do |length|
      client = connect
      client.write(head("Content-Length: #{length}"))
      assert_refused(client, 413)
    end
    assert_empty reached
  end

  def test_C6_the_refusal_is_seen_by_a_client_that_sends_its_body
    client = connect
    client.write(head("Content-Length: #{17 * MIB}") + "x" * (200 * 1024))
    assert_refused(client, 413)
  end

  def test_C6_chunks_over_the_limit_are_refused_at_the_limit
    client = connect
    client.write(head("Transfer-Encoding: chunked") + "100000\r\n#{"x" * MIB}\r\n" * 17)
    assert_refused(client, 413)
    assert_empty reached
  end

  def test_C6_a_chunk_size_over_the_limit_is_refused_before_its_data
    client = connect
    client.write(head("Transfer-Encoding: chunked") + "10000000\r\n")
    assert_refused(client, 413)
  end

  def test_C6_a_great_length_allocates_nothing
    get("/ignore")
    before = server.rss_kb
    clients = Array.new(50) { connect.write(head("Content-Length: #{16 * MIB}")) }
    assert_equal 200, get("/ignore").status
    assert_operator server.rss_kb - before, :<, 20 * 1024
    clients.each(&:close)
  end

  [0, 1, 65_535, 65_536, 114_687, 114_688, 114_689, 5_000_000, 16 * MIB].each do |size|
    define_method("test_W16_a_body_of_#{size}_bytes_is_whole") do
      body = Random.new(size).bytes(size)
      assert_equal({ "size" => size, "sha256" => Digest::SHA256.hexdigest(body) }, post("/digest", body, timeout: 30).json)
    end
  end

  def test_a_chunked_body_that_is_spooled_is_whole
    body = Random.new(7).bytes(3_000_000)
    client = connect
    client.write(head("Transfer-Encoding: chunked", request: "POST /digest HTTP/1.1"))
    0.step(body.bytesize - 1, 77_777) { |from| client.write(chunk(body.byteslice(from, 77_777))) }
    client.write("0\r\n\r\n")
    assert_equal Digest::SHA256.hexdigest(body), client.response.json["sha256"]
  end

  def test_spooled_bodies_leave_nothing_behind
    body = "x" * 1_000_000
    post("/digest", body)
    descriptors = server.descriptor_count
    5.times { assert_equal 200, post("/ignore", body).status }
    client = server.connect
    client.write(head("Content-Length: 1000000") + "x" * 500_000).abort
    eventually("descriptors of spooled bodies leak") { server.descriptor_count <= descriptors }
  end

  def test_spooled_bodies_stay_in_step
    client = connect
    body = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n" * 20_000
    %w[/ignore /digest /ignore].each { |path| assert_equal 200, client.post(path, body).status }
    refute_includes reached.join, "evil"
  end

  def test_W4_a_large_response_is_exact
    line = (0...4096).map { |index| format("%08x", index) }.join
    expected = (line * (10_000_000 / line.bytesize + 1)).byteslice(0, 10_000_000)
    [{}, { receive_buffer: 4096 }].each do |options|
      assert_same_bytes expected, connect(**options).get("/pattern?10000000", timeout: 30).body
      assert_same_bytes expected, connect(**options).get("/file", timeout: 30).body
    end
  end

  def test_W4_a_large_response_to_a_slow_reader_is_exact
    line = (0...4096).map { |index| format("%08x", index) }.join
    client = connect(receive_buffer: 4096)
    client.request("GET", "/pattern?6000000", "connection" => "close")
    received = client.read_slowly(1700, interval: 0.002, times: 200) + client.read_to_end(timeout: 30)
    assert_same_bytes((line * 200).byteslice(0, 6_000_000), received.split("\r\n\r\n", 2).last)
  end

  private

  def chunk(bytes) = "#{bytes.bytesize.to_s(16)}\r\n".b + bytes + "\r\n"

  def assert_same_bytes(expected, actual)
    assert_equal expected.bytesize, actual.bytesize
    assert_equal Digest::SHA256.hexdigest(expected), Digest::SHA256.hexdigest(actual)
  end
end
