# frozen_string_literal: true

require_relative "tls_case"

# Peers that speak something else, nothing, or nonsense: they are turned away, counted, and hold up nobody.
class HostileTest < HyperionTest::TlsCase
  serve PROBE, *LOCAL.flags, "--admin-token", TOKEN, "--tls-handshake-timeout", "2"

  HANDSHAKE = 22
  ALERT = 21

  def test_plain_http_is_told_that_this_is_https
    ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /x HTTP/1.0\r\n\r\n", "G"].each do |bytes|
      assert_rejects("http_on_tls_port") do
        client = connect.write(bytes)
        response = client.response
        assert_equal [400, true], [response.status, response.close?]
        assert_match(/HTTPS/, response.body)
        assert_ended client
      end
    end
    assert_match(/"status":400.*"remote_addr":"127\.0\.0\.1"/, server.log)
  end

  def test_D11_the_preface_of_http_2_in_plain_text
    assert_rejects("http_on_tls_port") do
      client = connect.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n#{"\0" * 9}")
      assert_match(/HTTPS/, client.response.body)
      assert_ended client
    end
  end

  def test_tls_spoken_to_a_plain_port_gets_a_short_answer
    plain = boot(PROBE, "--admin-token", TOKEN)
    assert_rejects("tls_on_plain_port", to: plain, secure: false) do
      answer = connect(plain).write(client_hello).read_to_end
      assert_operator answer.bytesize, :<, 500
      refute_empty answer
    end
    assert_rejects("tls_on_plain_port", to: plain, secure: false) do
      assert_raises(OpenSSL::SSL::SSLError) { secure(tcp(plain.port)) }
    end
    assert_equal "GET /alive", get("/alive", to: plain).body
  end

  def test_C8_a_stalled_handshake_is_closed_in_time
    started = monotonic
    { "nothing" => "", "a byte" => client_hello[0, 1], "half a hello" => client_hello[0, 100] }.each do |title, bytes|
      assert_rejects("tls_handshake_timeout") do
        client = connect.write(bytes)
        assert_serves
        client.read_to_end
      end
      assert_operator monotonic - started, :>=, 2, title
      started = monotonic
    end
  end

  def test_C8_the_deadline_is_for_the_whole_handshake
    assert_rejects("tls_handshake_timeout") do
      client = connect
      hello = client_hello
      ended = hello.each_char.any? do |byte|
        client.write(byte)
        client.socket.wait_readable(0.1)
      end
      assert ended, "a byte now and then prolongs nothing"
    end
  end

  def test_C8_many_stalled_handshakes_hold_up_nobody
    assert_rejects("tls_handshake_timeout", 200) do
      stalled = Array.new(200) { |i| connect.write(client_hello[0, i]) }
      5.times { assert_serves }
      stalled.each(&:read_to_end)
    end
    assert_serves
  end

  def test_C8_garbage
    random = Random.new(7)
    120.times do |i|
      bytes = random.bytes(random.rand(6..600))
      bytes.setbyte(0, [HANDSHAKE, 0x80, 0, 255, random.rand(0..64)][i % 5])
      client = connect.write(bytes).close_write
      client.read_to_end
      client.close
    end
    assert_serves
  end

  def test_C8_a_hello_of_random_bytes_fails_at_once
    { "no version" => "\x16\x07\x07\x00\x02xx", "no record" => "\x99\x03\x01\x00\x02xx", "a record too large" => "\x16\x03\x01\xff\xff",
      "an empty hello" => "\x16\x03\x01\x00\x04\x01\0\0\0", "application data first" => "\x17\x03\x03\x00\x05hello",
      "a finished first" => "\x16\x03\x03\x00\x04\x14\0\0\0", "a record of nothing" => "\x16\x03\x01\x00\x00" * 100 }.each do |title, bytes|
      assert_rejects("tls_handshake_failed") do
        answer = connect.write(bytes).read_to_end
        assert_includes [ALERT, nil], answer.getbyte(0), "#{title}: an alert or nothing"
      end
    end
  end

  def test_C8_a_hello_that_breaks_off
    30.times { |i| connect.write(client_hello[0, i * 8]).abort }
    assert_serves
  end

  def test_C8_a_server_name_of_60_000_bytes
    client = connect.write(records(hello(extension(0, [60_003, 0, 60_000].pack("nCn") + "a" * 60_000))))
    assert_includes [ALERT, HANDSHAKE, nil], client.read_to_end.getbyte(0)
    assert_serves
  end

  def test_C8_a_hello_without_end
    client = connect
    client.write([HANDSHAKE, 0x0301, 16_384, 1].pack("CnnC") + "\xff\xff\xff".b + "x" * 16_380)
    300.times { client.write([HANDSHAKE, 0x0301, 16_384].pack("Cnn") + "x" * 16_384) }
    client.read_to_end
    assert_serves
    assert_operator server.rss_kb, :<, 400_000
  end

  def test_C8_garbage_in_an_established_session
    { "plain text" => "GET / HTTP/1.1\r\n\r\n", "a record that cannot be decrypted" => "\x17\x03\x03\x00\x20#{"x" * 32}",
      "a record too large" => "\x17\x03\x03\xff\xff" }.each do |title, bytes|
      ssl = secure(tcp, version: :TLS1_3)
      ssl.write("GET /a HTTP/1.1\r\nHost: a\r\n")
      ssl.io.write(bytes)
      assert_raises(OpenSSL::SSL::SSLError, EOFError, Errno::ECONNRESET, title) { within { ssl.readpartial(1) } }
    end
    assert_serves
  end

  def test_C8_an_alert_in_the_middle_of_a_request
    client = secure_client.write("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
    client.socket.ssl.__send__(:stop) # The alert that says: nothing more comes.
    client.close
    assert_serves
  end

  def test_C8_renegotiation_is_refused
    out, = within { run_program("openssl", "s_client", "-connect", "127.0.0.1:#{server.port}", "-tls1_2", "-CAfile", CA.root_path, input: "R\n") }
    assert_match(/RENEGOTIATING/, out)
    refute_equal 2, out.scan(/^depth=0/).size
    assert_serves
  end

  def test_key_updates_are_followed
    out, = within { run_program("openssl", "s_client", "-connect", "127.0.0.1:#{server.port}", "-tls1_3", "-CAfile", CA.root_path, input: "k\nK\n") }
    assert_match(/KEYUPDATE/, out)
    assert_serves
  end

  def test_a_rate_limit_closes_what_is_too_much
    limited = boot(PROBE, *LOCAL.flags, "--admin-token", TOKEN, "--tls-handshake-rate-limit", "5")
    kept = secure_client(to: limited)
    attempts = Array.new(60) { HyperionTest::RawClient.tcp("127.0.0.1", limited.port) }
    refused = attempts.count { |client| turned_away?(client) }
    attempts.each(&:close)
    assert_operator refused, :>=, 30
    assert_operator refused, :<, 60, "some are let in"
    counted = kept.get("/-/metrics", "x-hyperion-admin-token" => TOKEN).body[/reason="tls_handshake_rate"\} (\d+)/, 1].to_i
    assert_equal refused, counted
    eventually("nobody gets in again") { (assert_serves(limited) rescue false) }
  end

  def test_a_handshake_in_single_bytes
    ours, theirs = UNIXSocket.pair
    client = tcp
    forward = Thread.new { forward_in_bytes(theirs, client) }
    ssl = secure(ours)
    ssl.write("GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert_match(%r{GET /slow\z}, within { ssl.read })
  ensure
    [ours, theirs].each(&:close)
    forward.join(2)
  end

  private

  # Whether nothing answers a hello.
  def turned_away?(client)
    within { client.write(client_hello).socket.read(1) }.nil?
  rescue Errno::ECONNRESET
    true
  end

  def forward_in_bytes(from, to)
    loop do
      ready, = IO.select([from, to], nil, nil, 5)
      break unless ready

      ready.each do |source|
        bytes = source.readpartial(16_384)
        source == from ? bytes.each_char { |byte| to.write(byte) } : from.write(bytes)
      end
    end
  rescue IOError, SystemCallError
    from.close_write rescue nil
  end

  # The first bytes that OpenSSL says.
  def client_hello
    @client_hello ||= begin
      ours, theirs = UNIXSocket.pair
      ssl = OpenSSL::SSL::SSLSocket.new(ours, context)
      ssl.hostname = "localhost"
      ssl.connect_nonblock(exception: false)
      theirs.read_nonblock(16_384).tap { [ours, theirs].each(&:close) }
    end
  end

  def extension(type, bytes) = [type, bytes.bytesize].pack("nn") + bytes

  # A hello of TLS 1.2 with one cipher.
  def hello(extensions)
    body = [0x0303].pack("n") + "r" * 32 + [0, 2, 0xc02b, 1, 0].pack("CnnCC") + [extensions.bytesize].pack("n") + extensions
    [1, body.bytesize >> 16, body.bytesize & 0xffff].pack("CCn") + body
  end

  def records(bytes) = bytes.scan(/.{1,16000}/mn).map { |piece| [HANDSHAKE, 0x0301, piece.bytesize].pack("Cnn") + piece }.join
end
