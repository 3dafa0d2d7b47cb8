# frozen_string_literal: true

require_relative "http2_case"

# Peers that send what costs much and is worth nothing, while another client is served.
class Http2AttacksTest < HyperionTest::Http2Case
  include HyperionTest::Frames

  speak APP, "-t", "2"

  # The whole of what an attack may make the server grow by.
  MEMORY_KB = 40_000

  # Where large responses wait: 32 MiB of them do so in memory, and the app's own copies come with them.
  WAITING_KB = 64_000

  def test_D1_rapid_reset
    assert_calmed { |i| headers(1 + 2 * i, block(path: "/ignore")) + reset(1 + 2 * i) }
  end

  def test_D1_requests_that_were_reset_do_not_pile_up
    booted = boot_h2(APP, "-t", "1", "--h2-max-concurrent-streams", "10")
    holder = h2(booted)
    holder.request("GET", "/wait?holder")
    eventually { busy(booted) == 1 }
    5.times do
      attacker = peer(booted)
      attacker.write((0...300).map { |i| headers(1 + 2 * i, block(path: "/reached")) + reset(1 + 2 * i) }.join + ping)
      attacker.frames_until { |one| one.type == :ping || one.type == :goaway }
    end
    assert_operator metric(%(hyperion_threadpool_queue_depth{worker_id="#{booted.pid}"}), booted), :<=, 10
    assert_equal 200, get("/native", to: booted).status
  end

  def test_D2_resets_that_the_server_is_made_to_send
    assert_calmed { |i| headers(1 + 2 * i, block(path: "/reached", method: "POST"), ended: false) + window(0x7fff_ffff, 1 + 2 * i) }
    assert_calmed { |i| headers(1 + 2 * i, block({ "connection" => "close" }, path: "/reached")) }
  end

  def test_D3_endless_continuation
    attacker = peer
    attacker.write(headers(1, block(path: "/reached"), complete: false))
    20_000.times { |i| attacker.write(frame(:continuation, field("x-#{i}", "v" * 100), stream: 1)) }
    assert_ended_by attacker, :enhance_your_calm, :protocol_error, :compression_error
  end

  def test_D3_empty_continuation
    assert_ended_by peer.write(headers(1, block(path: "/reached"), complete: false) + frame(:continuation, "", stream: 1) * 20_000), :enhance_your_calm, :protocol_error
  end

  def test_D4_a_header_that_is_referred_to_16_thousand_times
    growth do
      attacker = peer
      attacker.write(headers(1, block(path: "/ignore") + remembered("x-bomb", "b" * 4000)))
      assert_equal :data, attacker.await_stream(1).type
      attacker.write(headers(3, block(path: "/reached") + "\xbe".b * 16_000))
      last = last_of(attacker, 3)
      assert_includes [[:headers, nil], %i[rst_stream enhance_your_calm], %i[rst_stream protocol_error], %i[rst_stream refused_stream],
                       %i[goaway enhance_your_calm], %i[goaway protocol_error], %i[goaway compression_error], [:data, nil]], last
    end
    assert_nothing_reached
  end

  def test_D4_ten_thousand_crumbs_of_a_cookie
    attacker = peer
    crumbs = field("cookie", "a=b") * 10_000
    pieces = (block(path: "/reached") + crumbs).bytes.each_slice(16_000).map { |piece| piece.pack("C*") }
    frames = pieces.each_with_index.map do |piece, i|
      flags = (i == pieces.size - 1 ? END_HEADERS : 0) | (i.zero? ? END_STREAM : 0)
      frame(i.zero? ? :headers : :continuation, piece, stream: 1, flags: flags)
    end
    attacker.write(frames.join)
    last_of(attacker, 1)
    assert_nothing_reached
  end

  def test_D5_heads_of_streams_that_never_end
    booted = boot_h2(APP, "-t", "2", "--read-timeout", "1", "--write-timeout", "1", "--stream-request-bodies")
    growth(booted) do
      attackers = Array.new(5) { peer(booted, settings: { 4 => 0 }) }
      attackers.each do |attacker|
        attacker.write(Array.new(100) { |i| headers(1 + 2 * i, block({ "x-large" => "l" * 15_000 }, path: "/digest", method: "POST"), ended: false) }.join)
      end
      attackers.each { |attacker| attacker.frames_until { |one| one.stream == 199 && %i[headers rst_stream].include?(one.type) } }
    end
    assert_served booted
    assert_free booted
  end

  { ping: 4, settings: 4, priority: 1, window_update: 1, empty_data: 10, unknown_settings_ack: 4 }.each_key do |kind|
    define_method("test_D6_flood_of_#{kind}") do
      attacker = peer
      attacker.write(headers(1, block(path: "/digest", method: "POST"), ended: false)) if kind == :empty_data
      attacker.write(one_of_a_flood(kind) * 20_000)
      assert_ended_by attacker, :enhance_your_calm, :protocol_error
      assert_served
    end
  end

  def test_D6_pings_whose_answers_are_not_read
    growth do
      attacker = peer(receive_buffer: 4096)
      begin
        attacker.write(ping * 200_000, timeout: 3)
      rescue HyperionTest::RawClient::TimedOut
        nil # the server reads no more: as good as an end
      end
      assert_served
    end
  end

  def test_D7_readers_that_make_no_room
    booted = boot_h2(APP, "-t", "2", "--write-timeout", "1")
    growth(booted, below: WAITING_KB) do
      attacker = peer(booted, settings: { 4 => 0 })
      attacker.write(Array.new(100) { |i| headers(1 + 2 * i, block(path: "/pattern?1000000")) }.join)
      attacker.frames_until { |one| one.type == :headers }
      assert_served booted
      attacker.frames_until { |one| one.stream == 199 && one.type == :rst_stream }
    end
    assert_operator rejections("h2_stalled_stream", booted), :>=, 90
    assert_free booted
  end

  def test_D7_readers_that_make_room_for_a_byte
    booted = boot_h2(APP, "-t", "2", "--write-timeout", "1")
    attacker = peer(booted, settings: { 4 => 1 })
    attacker.write(headers(1, block(path: "/pattern?1000000")))
    100.times do
      attacker.frames_until { |one| one.type == :data && !one.payload.empty? || one.type == :rst_stream }.last.type == :rst_stream and break
      attacker.write(window(1, 1))
      sleep 0.05 # what the attack consists of
    end
    assert_operator rejections("h2_stalled_stream", booted), :>=, 1
    assert_free booted
  end

  private

  def one_of_a_flood(kind)
    case kind
    when :ping then ping
    when :settings then settings(3 => 100)
    when :priority then frame(:priority, [0, 1].pack("NC"), stream: 3)
    when :window_update then window(1)
    when :empty_data then data(1)
    else frame(:settings, "", flags: ACK)
    end
  end

  # The attack meets an end, and costs no other client anything.
  def assert_calmed(count = 5000, &attack)
    before = rejections("h2_flood")
    attacker = peer
    writer = Thread.new { count.times.each_slice(100) { |slice| attacker.write(slice.map(&attack).join) } }
    writer.report_on_exception = false
    assert_served
    assert_ended_by attacker, :enhance_your_calm
    assert_equal before + 1, rejections("h2_flood")
    assert_nothing_reached
  ensure
    writer&.kill
  end

  def assert_ended_by(attacker, *codes)
    frames = attacker.frames_to_end
    goaway = frames.reverse.find { |one| one.type == :goaway }
    assert goaway, "no GOAWAY but #{frames.map(&:type).tally}"
    assert_includes codes, goaway.code
  end

  def assert_nothing_reached = assert_equal(404, get("/note").status, "the app was reached")

  # How the stream, or the connection, ended: the type of the frame and its code.
  def last_of(attacker, stream)
    last = attacker.frames_until { |one| one.type == :goaway || (one.stream == stream && (one.type == :rst_stream || one.ended?)) }.last
    [last.type, %i[goaway rst_stream].include?(last.type) ? last.code : nil]
  end

  def growth(server = self.server, below: MEMORY_KB)
    assert_served(server)
    before = server.rss_kb
    yield
    assert_operator server.rss_kb - before, :<, below
  end
end
