# frozen_string_literal: true

require_relative "rack_case"

# Response bodies of every kind that Rack allows.
class BodiesTest < HyperionTest::RackCase
  serve app("bodies"), "-t", "5"

  BIG = Random.new(7).bytes(5_000_003)

  def test_an_array_has_its_length_announced
    response = get("/array")
    assert_equal ["abcd\n", :length, "5"], [response.body, response.framing, response["content-length"]]
  end

  def test_an_empty_array_has_length_zero
    assert_equal ["", "0"], [get("/array-empty").body, get("/array-empty")["content-length"]]
  end

  def test_a_large_array
    assert_equal [*1..500].map { |i| i.to_s * 1000 }.join, get("/array-big").body
  end

  def test_each_without_a_length_is_chunked
    response = get("/lazy")
    assert_equal :chunked, response.framing
    assert_equal Array.new(400) { |i| "#{i}:#{"x" * (i % 97)}\n" }.join, response.body
  end

  def test_each_keeps_the_length_of_the_app
    response = get("/lazy-known")
    assert_equal ["abcdef", :length, "6"], [response.body, response.framing, response["content-length"]]
  end

  def test_the_connection_stays_open_behind_every_kind
    client = connect
    %w[/array /lazy /file /file-404 /enumerator /call /lazy-known /file-object].each do |path|
      response = client.get(path)
      refute response.close?, path
      refute_empty response.body, path
    end
  end

  def test_each_piece_leaves_as_it_is_produced
    client = connect.request("GET", "/gated?each")
    seen = read_until(client, /one/)
    refute_includes seen, "two"
    get("/open?each")
    assert_includes read_until(client, /0\r\n\r\n\z/), "two"
  end

  def test_each_piece_leaves_at_once_for_http_1_0_too
    client = connect.write("GET /gated?old HTTP/1.0\r\n\r\n")
    assert_match(/one\z/, read_until(client, /one/))
    get("/open?old")
    assert_equal "two", client.read_to_end
  end

  def test_an_enumerator
    assert_equal "e0e1e2", get("/enumerator").body
  end

  def test_to_ary_gives_the_length
    assert_equal ["b1b2", "4"], get("/buffer").then { |response| [response.body, response["content-length"]] }
  end

  def test_to_ary_that_gives_no_array
    assert_equal "l1l2", get("/buffer-lazy").body
  end

  def test_bytes_count_not_characters
    assert_equal "\xff\x00é".b, get("/binary").body
  end

  def test_a_file_by_its_path
    response = get("/file")
    assert_equal [200, "file contents\n", "14"], [response.status, response.body, response["content-length"]]
    assert_equal "14", get("/file-length")["content-length"]
    assert_equal "file contents\n", get("/file-object").body
    assert_equal ["", "0"], [get("/file-empty").body, get("/file-empty")["content-length"]]
  end

  def test_W7_a_file_keeps_status_and_headers_of_the_app
    response = get("/file-404")
    assert_equal [404, "yes", "text/plain", "file contents\n"],
      [response.status, response["x-kept"], response["content-type"], response.body]
    refute_nil response["date"]
  end

  def test_W7_head_of_a_file_has_its_length_and_no_body
    client = connect
    response = client.fetch("HEAD", "/file-404")
    assert_equal [404, "14", ""], [response.status, response["content-length"], response.body]
    assert_equal "abcd\n", client.get("/array").body
  end

  def test_a_large_file_is_byte_exact
    response = get("/file-big")
    assert_equal [203, '"big"', BIG.bytesize], [response.status, response["etag"], response.body.bytesize]
    assert response.body == BIG, "the contents differ"
  end

  def test_W4_a_large_file_is_byte_exact_for_a_slow_reader
    client = connect(receive_buffer: 4096).request("GET", "/file-big")
    sleep 0.2
    assert client.response(timeout: 30).body == BIG, "the contents differ"
  end

  def test_W4_a_large_array_is_byte_exact_for_a_slow_reader
    client = connect(receive_buffer: 4096)
    3.times { client.request("GET", "/array-big") }
    sleep 0.2
    expected = [*1..500].map { |i| i.to_s * 1000 }.join
    3.times { assert client.response(timeout: 30).body == expected, "the contents differ" }
  end

  def test_a_file_that_is_not_there
    response = get("/file-missing")
    assert(response.status == 500 || response.body == "from each", response.inspect)
    refute_includes response.body, "nowhere"
    assert_equal 200, get("/array").status
  end

  def test_a_streaming_body
    assert_equal "s1s2s3", get("/call").body
    assert_equal "never closed", get("/call-open").body
    assert_equal "from a thread", get("/call-later").body
  end

  def test_what_a_streaming_body_writes_leaves_at_once
    client = connect.request("GET", "/call-gated?stream")
    refute_includes read_until(client, /one/), "two"
    get("/open?stream")
    assert_match(/two/, read_until(client, /two/))
  end

  def test_the_stream_has_the_methods_of_the_spec
    assert_equal "abc 3 false true true", get("/call-facts").body
  end

  def test_a_streaming_body_reads_the_request
    assert_equal 'got "sent along"', post("/call-read", "sent along").body
  end

  def test_writing_to_a_closed_stream_raises
    assert_equal "x", get("/after-close?closed").body
    assert_equal "IOError", get("/answer?closed").body
  end

  def test_a_streaming_body_that_raises_ends_the_connection
    client = connect.request("GET", "/call-raise")
    answer = client.read_to_end
    assert_includes answer, "begun"
    refute_match(/\r\n0\r\n\r\n\z/, answer, "no clean end")
    refute_includes answer, "secret"
    assert_equal 200, get("/array").status
  end

  def test_a_streaming_body_for_http_1_0_ends_with_the_connection
    answer = connect.write("GET /call HTTP/1.0\r\n\r\n").read_to_end
    assert_match(/\r\n\r\ns1s2s3\z/, answer)
    refute_match(/transfer-encoding/i, answer)
  end

  def test_many_streams_at_once_do_not_mix
    running = server
    answers = Array.new(12) do |thread|
      Thread.new do
        client = running.connect
        Array.new(30) { |i| [client.get("/threads?t#{thread}r#{i}"), "t#{thread}r#{i}"] }
      ensure
        client&.close
      end
    end
    answers.flat_map(&:value).each do |response, id|
      assert_equal [id, id * 50], [response["x-id"], response.body]
    end
  end
end
