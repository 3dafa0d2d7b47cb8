# frozen_string_literal: true

require_relative "grpc_case"

# Calls that no library would make.
class GrpcHostileTest < HyperionTest::GrpcCase
  include HyperionTest::Frames

  speak GRPC_APP, "-t", "1", "--max-body-bytes", "16m"

  TRAILING = ->(response) { response.trailers.to_h.values_at("grpc-status", "grpc-message") }

  def test_F6_a_message_of_four_gigabytes
    response = raw_call(h2, "Unary", framed("short", length: 0xffff_ffff))
    assert_equal ["8", "4294967295 bytes are too much"], TRAILING[response]
    assert_next_call
  end

  def test_F6_a_message_of_four_gigabytes_that_the_app_believes_in
    assert_next_call
    before = server.rss_kb
    client = h2
    stream = client.request("POST", "/test.Test/Naive", GRPC, end: false)
    client.data(stream, framed("x" * 100_000, length: 0xffff_ffff))
    client.data(stream, "", end: true)
    response = client.response(stream)
    refute_equal ["0", nil], TRAILING[response] unless response.reset || response.status == 500 || response.body.end_with?("100000")
    assert_operator server.rss_kb - before, :<, 30_000
    assert_next_call
  end

  def test_F6_more_bytes_than_the_app_is_told
    client = h2
    stream = client.request("POST", "/test.Test/Naive", GRPC, end: false)
    sender = Thread.new { client.data(stream, framed("", length: 0xffff_fff0) + ("x" * 1000), repeat: 1) && client.data(stream, "0123456789", repeat: 3_000_000) }
    before = server.rss_kb
    response = client.response(stream, timeout: 60)
    refute_equal "0", response.trailers.to_h["grpc-status"]
    assert_operator server.rss_kb - before, :<, 60_000, "as much was kept as one message told"
    sender.join
    assert_next_call
  end

  def test_F6_a_compressed_message
    assert_equal "12", TRAILING[raw_call(h2, "Unary", framed("x" * 50, compressed: 1))].first
    assert_equal "12", TRAILING[raw_call(h2, "Unary", framed("x" * 50, compressed: 255))].first
    assert_next_call
  end

  def test_F6_messages_that_are_cut_off
    ["\0", "\0\0\0", framed("12345", length: 6), framed("", length: 1)].each do |bytes|
      assert_equal ["13", "cut off"], TRAILING[raw_call(h2, "Unary", bytes)], bytes.inspect
    end
    assert_next_call
  end

  def test_F6_no_end_of_the_stream
    client = h2
    stream = client.request("POST", "/test.Test/Read", GRPC, end: false)
    client.data(stream, framed("open"))
    client.await_body(stream, "begun")
    client.close
    assert_next_call
  end

  def test_F6_timeouts_that_overflow
    client = h2
    ["99999999999999999999H", "18446744073709551616n", "-1S", "1", "S", "", "0n", "99999999H", "1e9S"].each do |timeout|
      response = raw_call(client, "Unary", framed("x"), { "grpc-timeout" => timeout })
      assert_equal ["\0\0\0\0\1x", "0"], [response.body, TRAILING[response].first], timeout
    end
  end

  def test_F6_a_thousand_entries_of_metadata
    everywhere("thousand_metadata", clients: %w[python]) do |(refused, following), where|
      assert_equal "RESOURCE_EXHAUSTED", refused["code"], where
      assert_equal "next", following, where
    end
  end

  def test_F6_metadata_that_is_larger_than_a_head
    client = h2
    response = raw_call(client, "Unary", framed("x"), { "x-large-bin" => "A" * 60_000, "x-more" => "B" * 8000 })
    assert response.status == 431 || response.reset, "#{response.status}"
    assert_next_call
  end

  def test_many_clients_that_leave_in_the_middle
    20.times do |i|
      client = peer
      client.write(headers(1, block(GRPC, path: "/test.Test/Write", method: "POST"), ended: false) + data(1, framed("leaver")))
      client.frames_until { |one| one.type == :data }
      i.even? ? client.abort : client.close
    end
    assert_next_call
    assert_free
  end

  private

  # There is one thread, so that this shows that it is free.
  def assert_next_call
    response = raw_call(h2, "Unary", framed("next"))
    assert_equal [framed("next"), "0"], [response.body, TRAILING[response].first]
  end
end
