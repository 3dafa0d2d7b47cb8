# frozen_string_literal: true

require_relative "rack_case"
require_relative "../http2/h2_client"

# What apps give to other servers, and how they expect it to arrive.
class AsPumaTest < HyperionTest::RackCase
  serve app("as_puma"), "-t", "2"

  TEXT = "hello world"
  WHOLE = %w[chunked chunked-array chunked-length chunked-call chunked-hijack chunked-trailers].freeze
  MALFORMED = /the body that the application has chunked is malformed/

  WHOLE.each do |kind|
    define_method("test_#{kind}_by_the_app_arrives_in_the_framing_of_the_protocol") do
      response = get("/#{kind}")
      assert_equal [200, TEXT, nil], [response.status, response.body, response["content-length"]&.then { |length| length unless length == "11" }]
      old = connect.write("GET /#{kind} HTTP/1.0\r\n\r\n").read_to_end
      assert_equal TEXT, old.split("\r\n\r\n", 2).last
      refute_match(/transfer-encoding/i, old)
      next if kind == "chunked-hijack"

      assert_equal TEXT, h2.get("/#{kind}").body
    end
  end

  def test_trailers_that_the_app_has_chunked_are_trailers
    assert_equal [%w[x-sum 6]], h2.get("/chunked-trailers").trailers
  end

  def test_head_of_a_chunked_body_has_none
    (WHOLE - %w[chunked-array]).each { |kind| assert_equal [200, ""], fetch("HEAD", "/#{kind}").then { |response| [response.status, response.body] } }
    client = connect
    2.times { assert_equal "", client.fetch("HEAD", "/chunked-array").body }
  end

  def test_chunks_that_are_none_break_the_response
    %w[chunked-short chunked-plain].each do |kind|
      mark = server.log.size
      assert_raises(HyperionTest::RawClient::Ended, HyperionTest::ResponseReader::MalformedResponse) { get("/#{kind}") }
      server.wait_for_log(MALFORMED, from: mark)
    end
    assert_equal 500, get("/chunked-plain-array").status
    server.wait_for_log(MALFORMED)
  end

  def test_other_codings
    assert_equal "fine", get("/").body
    assert_equal 500, get("/coded").status
    server.wait_for_log(/a body in the transfer coding .*gzip, chunked.* cannot be sent/)
  end

  def test_a_path_may_be_any_object_with_a_path
    response = get("/pathname")
    assert_equal [File.binread(self.class.app("as_puma")), true], [response.body, !response["etag"].nil?]
    assert_equal "by each", get("/no-path").body
  end

  def test_files_that_the_system_makes_are_whole
    { "/proc" => "/proc/version", "/sys" => "/sys/kernel/mm/transparent_hugepage/enabled" }.each do |path, file|
      next unless File.exist?(file)

      assert_equal File.binread(file), get(path).body
      assert_equal File.binread(file).bytesize.to_s, fetch("HEAD", path)["content-length"]
    end
    assert_equal "p" * 4096, get("/page").body
    assert get("/page")["etag"]
  end

  def test_head_of_a_file_has_the_validators_of_get
    names = %w[etag last-modified accept-ranges content-length]
    assert_equal names.map { |name| get("/page")[name] }, names.map { |name| fetch("HEAD", "/page")[name] }
  end

  def test_values_of_headers_are_sent_as_they_print_themselves
    response = get("/values")
    assert_equal ["0.25", "true", "1970-01-01 00:00:00 UTC", "word", nil, "5"], %w[float true time symbol nil integer].map { |name| response["x-#{name}"] }
    assert_equal %w[1.5 b], response.values("x-many")
  end

  def test_a_body_that_closes_itself_is_closed_once
    assert_equal "ab", get("/to-ary").body
    assert_equal 500, get("/to-ary-bad").status
    assert_equal %w[1 1], %w[to-ary to-ary-bad].map { |key| get("/closed?#{key}").body }
  end

  def test_head_of_a_partial_hijack_has_no_content
    assert_equal "content", get("/hijack").body
    bytes = connect.request("HEAD", "/hijack", "connection" => "close").read_to_end
    assert_match(/\AHTTP\/1\.1 200 /, bytes)
    refute_match(/content\z/, bytes)
  end

  def test_protocols_are_switched_for_http_1_1_only
    head = "Connection: upgrade\r\nUpgrade: x\r\n\r\n"
    assert_match(/\AHTTP\/1\.1 101 .*raw\z/m, connect.write("GET /switch HTTP/1.1\r\nHost: a\r\n#{head}").read_to_end)
    assert_match(/\AHTTP\/1\.1 500 /, connect.write("GET /switch HTTP/1.0\r\n#{head}").read_to_end)
  end

  def test_a_frozen_buffer_takes_nothing
    assert_equal "FrozenError abcdef", post("/frozen", "abcdef").body
  end

  private

  def h2
    skip "python3-h2 is not installed" unless HyperionTest::H2Client.available?
    HyperionTest::H2Client.new("127.0.0.1", server.port).tap { |client| ending { client.close } }
  end
end
