# frozen_string_literal: true

require "digest"
require_relative "../../support/attack_case"

# Transfer-Encoding and the chunked coding: one plain `chunked` is understood, all else refused.
class TransferCodingTest < HyperionTest::AttackCase
  BODY = "5\r\nhello\r\n0\r\n\r\n"

  {
    "chunked then gzip" => "chunked, gzip", "gzip then chunked" => "gzip, chunked", "identity" => "identity",
    "a parameter" => "chunked;q=1", "quotes" => '"chunked"', "blank inside" => "chunk ed"
  }.each { |title, value| rejects "A4", title, [400, 501], head("Transfer-Encoding: #{value}") + BODY }
  {
    "an unknown coding" => "gzip", "a longer name" => "xchunked", "a shorter name" => "chunke"
  }.each { |title, value| rejects "A4", title, 501, head("Transfer-Encoding: #{value}") + BODY }
  {
    "chunked twice" => "chunked, chunked", "empty" => "", "trailing comma" => "chunked,", "leading comma" => ",chunked",
    "trailing VT" => "chunked\v", "leading VT" => "\vchunked", "trailing FF" => "chunked\f", "leading FF" => "\fchunked",
    "NUL" => "chunked\0"
  }.each { |title, value| rejects "A4", title, 400, head("Transfer-Encoding: #{value}") + BODY }
  rejects "A4", "two lines", 400, head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + BODY
  rejects "A4", "two lines that differ", [400, 501], head("Transfer-Encoding: chunked", "Transfer-Encoding: zip") + BODY

  def test_A4_one_chunked_in_any_case_is_understood
    %w[chunked Chunked CHUNKED cHuNkEd].each do |value|
      responses = assert_in_step(head("Transfer-Encoding: #{value}", request: "POST /echo HTTP/1.1") + BODY)
      assert_equal(["hello"], responses.map { |response| response.json["body"] })
    end
  end

  rejects "A5", "blank before the colon", 400, head("Transfer-Encoding : chunked") + BODY
  rejects "A5", "tab before the colon", 400, head("Transfer-Encoding\t: chunked") + BODY
  rejects "A5", "folded coding", 400, head("Transfer-Encoding:", " chunked") + BODY
  rejects "A5", "folded behind a coding", 400, head("Transfer-Encoding: chunked", "\tx") + BODY
  rejects "A5", "blank before the first field", 400,
    "POST /attacked HTTP/1.1\r\n Host: a\r\nTransfer-Encoding: chunked\r\n\r\n#{BODY}"

  {
    "plus" => "+5", "hexadecimal prefix" => "0x5", "minus" => "-1", "underscore" => "5_0", "leading blank" => " 5",
    "trailing blank" => "5 ", "seventeen F" => "F" * 17, "empty" => "", "letters" => "hello", "leading tab" => "\t5",
    "trailing tab" => "5\t", "thirty zeros behind" => "1#{"0" * 30}"
  }.each { |title, size| rejects "A7", title, 400, chunked("#{size}\r\nhello\r\n0\r\n\r\n") }
  rejects "A7", "sixteen F", [400, 413], chunked("#{"F" * 16}\r\nhello\r\n0\r\n\r\n")

  {
    "line feed" => "5;a\nb", "carriage return" => "5;a\rb", "bare semicolon" => "5;", "control byte" => "5;a=\x01",
    "quoted line feed" => "5;a=\"\n\"", "NUL" => "5;\0", "delete" => "5;a=\x7f"
  }.each { |title, line| rejects "A8", "extension with #{title}", 400, chunked("#{line}\r\nhello\r\n0\r\n\r\n") }
  rejects "A8", "extension of a mebibyte", 400, chunked("5;a=#{"b" * (1 << 20)}\r\nhello\r\n0\r\n\r\n")
  rejects "A8", "small chunks with large extensions", 400, chunked("1;a=#{"b" * 16_000}\r\nx\r\n" * 40)
  rejects "A8", "many small extensions", 400, chunked("1;abc=d\r\nx\r\n" * 4000)

  def test_A8_a_good_extension_is_skipped
    body = %(5;name=value;other="quoted; text"\r\nhello\r\n6;x\r\n world\r\n0;last\r\n\r\n)
    responses = assert_in_step(head("Transfer-Encoding: chunked", request: "POST /echo HTTP/1.1") + body)
    assert_equal(["hello world"], responses.map { |response| response.json["body"] })
  end

  rejects "A9", "data longer than its size", 400, chunked("5\r\nhelloXX\r\n0\r\n\r\n")
  rejects "A9", "no line end behind data", 400, chunked("5\r\nhello0\r\n\r\n")
  rejects "A9", "line feed behind data", 400, chunked("5\r\nhello\n0\r\n\r\n")
  rejects "A9", "carriage return behind data", 400, chunked("5\r\nhello\r0\r\n\r\n")
  rejects "A9", "line feed behind a size", 400, chunked("5\nhello\r\n0\r\n\r\n")
  rejects "A9", "carriage return behind a size", 400, chunked("5\rhello\r\n0\r\n\r\n")
  rejects "A9", "line feed behind the last size", 400, chunked("5\r\nhello\r\n0\n\r\n")
  rejects "A9", "line feed behind the trailers", 400, chunked("5\r\nhello\r\n0\r\n\n")

  def test_A10_a_million_chunks_cost_little_and_grow_linearly
    small = cpu_of_chunks(250_000)
    large = cpu_of_chunks(1_000_000)
    assert_operator large, :<, small * 4 * 3 + 0.3, "cost of 4 times the chunks (seconds of CPU)"
  end

  def test_A11_trailers_never_become_headers
    trailers = ["Content-Length: 7", "Transfer-Encoding: gzip", "Host: evil", "Authorization: Basic eA==",
                "Content-Type: text/evil", "X-Forwarded-For: 6.6.6.6", "X-Evil: evil"]
    body = "5\r\nhello\r\n0\r\n#{trailers.join("\r\n")}\r\n\r\n"
    response, = assert_in_step(head("Transfer-Encoding: chunked", "X-Good: good", request: "POST /echo HTTP/1.1") + body)
    env = response.json["env"]
    assert_equal ["hello", "good", "a"], [response.json["body"], env["HTTP_X_GOOD"], env["HTTP_HOST"]]
    absent = %w[CONTENT_TYPE HTTP_CONTENT_TYPE HTTP_AUTHORIZATION HTTP_X_FORWARDED_FOR HTTP_X_EVIL HTTP_CONTENT_LENGTH]
    assert_empty env.slice(*absent)
    refute_equal "7", env["CONTENT_LENGTH"]
  end

  rejects "A11", "a hundred thousand trailers", 431, chunked("0\r\n#{"A: b\r\n" * 100_000}\r\n")
  rejects "A11", "one large trailer", 431, chunked("0\r\nA: #{"b" * 20_000}\r\n\r\n")
  rejects "A11", "a trailer without colon", 400, chunked("0\r\nA b\r\n\r\n")
  rejects "A11", "a folded trailer", 400, chunked("0\r\nA: b\r\n c\r\n\r\n")
  rejects "A11", "a trailer with line feed", 400, chunked("0\r\nA: b\nB: c\r\n\r\n")

  def test_A9_chunks_cut_anywhere_give_the_same_body
    bytes = head("Transfer-Encoding: chunked", request: "POST /echo HTTP/1.1") + "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nT: v\r\n\r\n"
    (bytes.index("chunked")...bytes.size).step(3) do |cut|
      client = connect
      client.write_slowly([bytes[0...cut], bytes[cut..]], interval: 0.001)
      assert_equal "hello world", client.response.json["body"], "cut at #{cut}"
    end
  end

  private

  def cpu_of_chunks(count)
    before = server.cpu_seconds
    client = connect
    client.write(head("Transfer-Encoding: chunked", request: "POST /digest HTTP/1.1") + "1\r\na\r\n" * count + "0\r\n\r\n", timeout: 30)
    digest = client.response(timeout: 30).json
    assert_equal({ "size" => count, "sha256" => Digest::SHA256.hexdigest("a" * count) }, digest)
    server.cpu_seconds - before
  end
end
