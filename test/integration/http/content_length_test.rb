# frozen_string_literal: true

require_relative "../../support/attack_case"

# Content-Length that two parsers could read differently, alone and beside Transfer-Encoding.
class ContentLengthTest < HyperionTest::AttackCase
  rejects "A1", "two lengths that differ", 400, head("Content-Length: 5", "Content-Length: 6") + "hello"
  rejects "A1", "a list that differs", 400, head("Content-Length: 5, 6") + "hello"
  rejects "A1", "the same length twice", 400, head("Content-Length: 5", "Content-Length: 5") + "hello"
  rejects "A1", "a list of the same", 400, head("Content-Length: 5, 5") + "hello"
  rejects "A1", "two lengths in another case", 400, head("content-length: 5", "CONTENT-LENGTH: 0") + "hello"

  {
    "plus" => "+5", "minus" => "-5", "hexadecimal" => "0x5", "inner blank" => "5 5", "underscore" => "5_0",
    "empty" => "", "blank" => "  ", "full width digit" => "５", "leading VT" => "\v5", "trailing VT" => "5\v",
    "leading FF" => "\f5", "trailing FF" => "5\f", "letters" => "five", "fraction" => "5.0", "exponent" => "5e0",
    "comma" => "5,", "quotes" => '"5"', "semicolon" => "5;"
  }.each { |title, value| rejects "A2", title, 400, head("Content-Length: #{value}") + "hello" }
  {
    "two to the 64" => "18446744073709551616", "two to the 64 and 5" => "18446744073709551621", "thirty digits" => "1" * 30
  }.each { |title, value| rejects "A2", title, [400, 413], head("Content-Length: #{value}") + "hello" }

  def test_A2_leading_zeros_are_decimal_or_refused
    responses = assert_in_step(head("Content-Length: 010", request: "POST /echo HTTP/1.1") + "0123456789")
    assert_equal 1, responses.size
    assert_equal "0123456789", responses[0].json["body"] unless responses[0].status == 400
  end

  { "trailing tab" => "5\t", "tabs and blanks" => " \t5 \t" }.each do |title, value|
    rejects "A2", title, 400, head("Content-Length: #{value}") + "hello"
  end

  SMUGGLED = "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "A3", "length before chunked", 400, head("Content-Length: 6", "Transfer-Encoding: chunked") + SMUGGLED
  rejects "A3", "chunked before length", 400, head("Transfer-Encoding: chunked", "Content-Length: 6") + SMUGGLED
  rejects "A3", "length over all before chunked", 400,
    head("Content-Length: #{SMUGGLED.bytesize}", "Transfer-Encoding: chunked") + SMUGGLED
  rejects "A3", "chunked before length over all", 400,
    head("Transfer-Encoding: chunked", "Content-Length: #{SMUGGLED.bytesize}") + SMUGGLED
  rejects "A3", "length zero beside chunked", 400, head("Content-Length: 0", "Transfer-Encoding: chunked") + SMUGGLED
  rejects "A3", "unknown coding beside length", [400, 501], head("Content-Length: 5", "Transfer-Encoding: zip") + "hello"

  def self.old(*lines) = head(*lines, request: "POST /attacked HTTP/1.0")
  rejects "A6", "chunked on 1 0", 400, old("Transfer-Encoding: chunked") + SMUGGLED
  rejects "A6", "chunked on 1 0 kept alive", 400, old("Transfer-Encoding: chunked", "Connection: keep-alive") + SMUGGLED
  rejects "A6", "chunked and length on 1 0", 400, old("Content-Length: 5", "Transfer-Encoding: chunked") + SMUGGLED
  rejects "A6", "length and chunked on 1 0", 400, old("Transfer-Encoding: chunked", "Content-Length: 5") + SMUGGLED
  rejects "W26", "identity on 1 0", [400, 501], old("Transfer-Encoding: identity", "Content-Length: 5") + "hello"

  def test_A1_one_length_is_exact
    responses = assert_in_step(head("Content-Length: 5", request: "POST /echo HTTP/1.1") + "hello")
    assert_equal(["hello"], responses.map { |response| response.json["body"] })
  end
end
