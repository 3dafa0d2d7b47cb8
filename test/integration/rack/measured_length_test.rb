# frozen_string_literal: true

require_relative "rack_case"
require_relative "../http2/h2_client"

# The length of a body that is complete before the app is called: frameworks take a request without one for a
# request without a body.
class MeasuredLengthTest < HyperionTest::RackCase
  serve app("input"), "-t", "2"

  TEXT = '{"a":1}'
  LARGE = ("0123456789abcdef" * 16_384).freeze # Goes to a file.

  def test_a_chunked_body_has_the_length_of_its_bytes
    { TEXT => "7", LARGE => LARGE.bytesize.to_s, "" => "0" }.each do |body, length|
      assert_equal [length, nil], chunked(body).values_at("length", "te"), "#{body.bytesize} bytes"
    end
  end

  def test_a_body_over_http2_has_the_length_of_its_bytes
    skip "python3-h2 is not installed" unless HyperionTest::H2Client.available?
    client = HyperionTest::H2Client.new("127.0.0.1", server.port).tap { |made| ending { made.close } }
    { TEXT => "7", LARGE => LARGE.bytesize.to_s }.each do |body, length|
      assert_equal length, client.fetch("POST", "/", { "x-calls" => "[]" }, body: body).then { |response| Marshal.load(response.body).last["length"] }
    end
    assert_nil Marshal.load(client.get("/", "x-calls" => "[]").body).last["length"]
  end

  def test_a_body_that_streams_has_none
    streaming = boot(self.class.app("input"), "-t", "2", "--stream-request-bodies")
    assert_equal [nil, "chunked"], chunked(TEXT, to: streaming).values_at("length", "te")
  end

  private

  def chunked(body, to: server)
    client = connect(to)
    client.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Calls: []\r\n\r\n")
    body.scan(/.{1,60000}/m) { |piece| client.write("#{piece.bytesize.to_s(16)}\r\n#{piece}\r\n") }
    client.write("0\r\n\r\n").response.then { |response| Marshal.load(response.body).last }
  end
end
