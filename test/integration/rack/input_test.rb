# frozen_string_literal: true

require_relative "rack_case"
require "json"

# rack.input in all its forms: absent, small, spooled to a file, chunked.
class InputTest < HyperionTest::RackCase
  serve app("input"), "-t", "2"

  TEXT = "first line\nsecond\n\nlast without end"
  SPOOLED = Random.new(3).bytes(700_001)

  def calls(body, *calls)
    response = post("/", body, "x-calls" => JSON.dump(calls))
    results, @extra = unmarshal(response)
    results.map { |result| result.is_a?(Array) && result.first == "ASCII-8BIT" ? result.last : result }
  end

  def chunked(pieces, *calls)
    body = pieces.map { |piece| "#{piece.bytesize.to_s(16)}\r\n".b + piece.b + "\r\n" }.join + "0\r\n\r\n"
    head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Calls: #{JSON.dump(calls)}\r\n\r\n"
    results, @extra = unmarshal(connect.write(head + body).response)
    results.map { |result| result.is_a?(Array) && result.first == "ASCII-8BIT" ? result.last : result }
  end

  def test_read_without_arguments_takes_all_and_then_gives_the_empty_string
    assert_equal [TEXT, "", ""], calls(TEXT, ["read"], ["read"], ["read", nil])
  end

  def test_read_with_nil_takes_all
    assert_equal [TEXT, ""], calls(TEXT, ["read", nil], ["read", nil])
  end

  def test_read_with_a_length
    assert_equal ["fir", "st ", "", "l", nil, nil, ""], calls("first l", ["read", 3], ["read", 3], ["read", 0], ["read", 50],
      ["read", 1], ["read", 10], ["read", 0])
  end

  def test_read_into_a_buffer
    expected = [[true, "first", "first"], [true, "", ""], [true, " line", " line"], [true, nil, ""]]
    assert_equal expected, calls("first line", ["read_into", 5, "stale contents"], ["read_into", 0, "stale"],
      ["read_into", 99, ""], ["read_into", 5, "stale"])
    assert_equal [[true, "all", "all"]], calls("all", ["read_into", nil, "stale"])
  end

  def test_read_refuses_a_negative_length
    assert_equal [{ error: "ArgumentError" }, "abc"], calls("abc", ["read", -1], ["read"])
  end

  def test_gets_gives_lines_and_then_nil
    assert_equal ["first line\n", "second\n", "\n", "last without end", nil, nil], calls(TEXT, *[["gets"]] * 6)
  end

  def test_each_gives_lines
    assert_equal [TEXT.lines, []], calls(TEXT, ["each"], ["each"])
  end

  def test_reads_of_all_kinds_share_one_position
    assert_equal ["first", " line\n", "second\n", ["\n", "last without end"], ""],
      calls(TEXT, ["read", 5], ["gets"], ["gets"], ["each"], ["read"])
  end

  def test_rewind_goes_back_to_the_start
    results = calls(TEXT, ["read"], ["rewind"], ["gets"], ["rewind"], ["read", 5])
    skip "rack.input of Rack 3 needs no rewind" if RACK3 && results[1] == :cannot
    assert_equal [TEXT, :rewound, "first line\n", :rewound, "first"], results
  end

  def test_without_a_body
    results, = unmarshal(get("/", "x-calls" => JSON.dump([["read"], ["read", 5], ["gets"], ["each"], ["read", 0]])))
    assert_equal ["", nil, nil, [], ""], results.map { |result| result.is_a?(Array) && result.any? ? result.last : result }
  end

  def test_an_empty_body
    assert_equal ["", nil, nil, []], calls("", ["read"], ["read", 1], ["gets"], ["each"])
  end

  def test_strings_are_binary
    results, = unmarshal(post("/", "é\n", "x-calls" => JSON.dump([["gets"], ["rewind"], ["read"]])))
    assert_equal [["ASCII-8BIT", "é\n".b]], results.values_at(0)
  end

  def test_a_large_body_is_whole
    size_and_sum = [SPOOLED.bytesize, SPOOLED.sum(32) & 0xffff_ffff]
    assert_equal [size_and_sum], calls(SPOOLED, ["digest"])
    [1, 4096, 65_537, 800_000].each do |size|
      body = size == 1 ? SPOOLED[0, 3000] : SPOOLED
      expected = [body.bytesize, body.sum(32) & 0xffff_ffff]
      assert_equal [expected], calls(body, ["slurp", size]), "in pieces of #{size}"
    end
  end

  def test_lines_and_rewind_of_a_large_body
    lines = Array.new(30_000) { |i| "line #{i}\n" }
    results = calls(lines.join, ["gets"], ["read", 7], ["gets"], ["read", 300_000], ["gets"], ["rewind"], ["gets"])
    text = lines.join
    position = lines[0].size + 7
    rest_of_line = text[position..text.index("\n", position)]
    position += rest_of_line.size
    big = text[position, 300_000]
    position += 300_000
    assert_equal [lines[0], text[lines[0].size, 7], rest_of_line, big, text[position..text.index("\n", position)]], results.first(5)
    assert_equal lines[0], results.last unless results[5] == :cannot
  end

  def test_chunks_are_joined
    assert_equal [TEXT, ""], chunked([TEXT[0, 1], TEXT[1, 12], TEXT[13..]], ["read"], ["read"])
    assert_includes [nil, TEXT.bytesize.to_s], @extra["length"], "a length, when there is one, is the true one"
  end

  def test_a_large_chunked_body_is_whole
    pieces = SPOOLED.b.scan(/.{1,50000}/mn)
    assert_equal [[SPOOLED.bytesize, SPOOLED.sum(32) & 0xffff_ffff]], chunked(pieces, ["digest"])
  end

  def test_an_unread_body_does_not_disturb_the_next_request
    client = connect
    3.times do |i|
      response = client.post("/", SPOOLED, "x-calls" => JSON.dump([["read", 10]]))
      assert_equal SPOOLED[0, 10].b, Marshal.load(response.body).dig(0, 0, 1), "request #{i}"
      break if response.close?
    end
  end

  def test_a_body_that_arrives_slowly
    head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: #{TEXT.bytesize}\r\nX-Calls: [[\"read\"]]\r\n\r\n"
    response = connect.write_slowly([head, *TEXT.chars.each_slice(7).map(&:join)], interval: 0.01).response
    assert_equal TEXT.b, unmarshal(response).dig(0, 0, 1)
  end

  def test_close_is_harmless
    results = calls("abc", ["read", 1], ["close"])
    assert_equal "a", results.first
    assert_includes %i[closed cannot], results.last
    assert_equal ["abc"], calls("abc", ["read"])
  end
end
