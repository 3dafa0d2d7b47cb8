# frozen_string_literal: true

require_relative "http2_case"

# Bodies of both directions, large ones, slow ones, and those that stop.
class Http2BodiesTest < HyperionTest::Http2Case
  speak APP, "-t", "3", "--stream-request-bodies"

  TEN = 10_000_000

  def test_ten_megabytes_both_ways
    [h2(window: 20_000_000), h2(secure: true)].each do |client|
      answer = client.response(client.request("POST", "/digest", body: "0123456789" * 1_000_000)).json
      assert_equal [TEN, Digest::SHA256.hexdigest("0123456789" * 1_000_000)], answer.values_at("size", "sha256")
      assert_equal Digest::SHA256.hexdigest(get("/pattern?#{TEN}").body), Digest::SHA256.hexdigest(client.get("/pattern?#{TEN}").body)
    end
  end

  def test_a_body_is_read_while_it_arrives_and_answered_while_it_is_read
    [false, true].each do |secure|
      client = h2(secure: secure)
      stream = client.request("POST", "/live", end: false)
      %w[one two three].each do |line|
        client.data(stream, "#{line}\n")
        client.await_body(stream, "#{line.upcase}\n")
      end
      client.data(stream, "", end: true)
      assert_equal ["ONE\nTWO\nTHREE\n", true], client.response(stream).then { |response| [response.body, response.ended] }
    end
  end

  def test_http1_bodies_are_read_while_they_arrive_too
    client = connect.write("POST /live HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    seen = +"".b
    %w[one two].each do |line|
      client.write("4\r\n#{line}\n\r\n")
      seen << client.read_some until seen.include?("#{line.upcase}\n")
    end
    client.write("0\r\n\r\n")
    seen << client.read_some until seen.end_with?("0\r\n\r\n")
  end

  def test_a_body_that_nobody_reads_does_not_grow
    client = h2
    stream = client.request("POST", "/wait?room", end: false)
    await_note(h2, "begun room")
    before = server.rss_kb
    client.data(stream, "0123456789", repeat: 12_000) # 120 kB: the whole window but a rest
    other = client_of_large_body("/wait?room")
    assert_equal "ignored", h2.get("/ignore").body
    assert_operator server.rss_kb - before, :<, 30_000, "the server holds what nobody reads"
    2.times { get("/open?room") }
    assert_equal 200, client.response(stream).status
    other.close
  end

  def test_each_piece_leaves_at_once
    [h2, h2(secure: true)].each do |client|
      stream = client.request("GET", "/steps?pieces")
      assert_equal "first", client.await_body(stream, "first").body
      assert_equal 200, get("/open?pieces").status
      assert_equal "firstsecond", client.response(stream).body
    end
  end

  def test_a_slow_reader_gets_all_and_holds_up_nobody
    client = h2(settings: { initial_window_size: 1 }, hold: true)
    slow = client.request("GET", "/pattern?200000")
    client.await_body(slow, "0")
    assert_equal "ignored", get("/ignore").body
    client.window(300_000)
    client.window(199_999, slow)
    assert_equal get("/pattern?200000").body, client.response(slow).body
  end

  def test_max_body_bytes
    booted = boot_h2(APP, "-t", "2", "--max-body-bytes", "10000")
    client = h2(booted)
    assert_equal 413, client.fetch("POST", "/digest", { "content-length" => "10001" }, body: "x" * 10_001).status
    assert_equal 413, client.fetch("POST", "/digest", {}, body: "x" * 10_001).status
    assert_equal 10_000, client.fetch("POST", "/digest", {}, body: "x" * 10_000).json["size"]
    assert_equal 2, rejections("body_too_large", booted)
  end

  def test_max_body_bytes_of_a_body_that_is_read_while_it_arrives
    booted = boot_h2(APP, "-t", "1", "--max-body-bytes", "10000", "--stream-request-bodies")
    client = h2(booted)
    response = client.fetch("POST", "/read?much", {}, body: "x" * 20_000)
    assert_equal 413, response.status
    assert_equal "ignored", client.get("/ignore").body, "its executor is free"
  end

  def test_a_length_that_is_not_kept_is_an_error_of_the_stream
    client = h2
    [["3", "four"], ["5", "four"]].each do |length, body|
      stream = client.request("POST", "/digest", { "content-length" => length }, body: body)
      assert_equal 1, client.response(stream).reset, "#{length} for #{body}"
    end
    assert_equal "ignored", client.get("/ignore").body
  end

  def test_a_reset_ends_the_writer
    booted = boot_h2(APP, "-t", "1")
    client = h2(booted)
    stream = client.request("GET", "/write?writer")
    client.await_body(stream, "x")
    client.reset(stream)
    await_note(client, "writer Hyperion::ClientDisconnected")
    assert_free booted
  end

  def test_a_reset_ends_the_reader
    booted = boot_h2(APP, "-t", "2", "--stream-request-bodies")
    client = h2(booted)
    stream = client.request("POST", "/read?reader", end: false)
    client.data(stream, "x")
    await_note(client, "begun reader")
    client.reset(stream)
    await_note(client, "reader Hyperion::ClientDisconnected")
    assert_free booted
  end

  def test_a_lost_connection_ends_both
    booted = boot_h2(APP, "-t", "2", "--stream-request-bodies")
    client = h2(booted)
    client.await_body(client.request("GET", "/write?writer"), "x")
    client.request("POST", "/read?reader", end: false)
    eventually { busy(booted) == 2 }
    client.close
    other = h2(booted)
    notes = []
    wanted = %w[writer reader].map { |name| "#{name} Hyperion::ClientDisconnected" }
    notes << next_note(other) until (wanted - notes).empty?
    assert_free booted
  end

  def test_a_stream_says_that_nothing_is_there_yet
    client = h2
    stream = client.request("POST", "/now", end: false)
    client.await_body(stream, ":wait_readable")
    client.data(stream, "x")
    assert_equal ":wait_readablex", client.response(stream).body
  end

  def test_a_body_that_is_held_back_arrives_in_pieces_too
    client = connect
    client.write("POST /shout HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert_equal 100, client.response_head.status
    client.write("4\r\none\n\r\n")
    assert_equal 200, client.response_head.status
    body = +""
    body << client.read_some until body.include?("ONE\n")
  end

  # Rack 2 wants to rewind.
  def test_forms_are_read_as_ever
    booted = boot("test/integration/apps/rack/config.ru", "--stream-request-bodies")
    response = post("/method", "_method=PUT", to: booted, "content-type" => "application/x-www-form-urlencoded")
    assert_equal [200, "PUT"], [response.status, response.body], booted.log[-1500..]
  end

  private

  def client_of_large_body(path)
    h2.tap do |client|
      stream = client.request("POST", path, end: false)
      Thread.new { client.data(stream, "0123456789", repeat: 1_000_000) }
    end
  end
end
