# frozen_string_literal: true

require "digest"
require "open3"
require "tempfile"
require_relative "../../support/integration"

# curl as a client that nobody here wrote.
class CurlTest < HyperionTest::IntegrationCase
  serve "probe.ru", "-t", "2"

  def setup
    skip "curl is not installed" unless system("command -v curl >/dev/null")
    super
  end

  # @return [Array(String, String)] what curl printed on its two streams
  def curl(*arguments)
    output, errors, status = Open3.capture3("curl", "--silent", "--show-error", "--max-time", "20", *arguments, binmode: true)
    assert_predicate status, :success?, "curl #{arguments.join(" ")}: #{errors}"
    [output, errors]
  end

  def with_upload(size)
    Tempfile.create("upload", binmode: true) do |file|
      bytes = Random.new(1).bytes(size)
      file.write(bytes)
      file.flush
      yield file.path, Digest::SHA256.hexdigest(bytes)
    end
  end

  def test_get_shows_headers_and_body
    output, = curl("--include", server.url("/ignore"))
    assert_match(%r{\AHTTP/1\.1 200 OK\r\n.*\r\n\r\nignored\z}m, output)
  end

  def test_an_upload_with_its_length_is_whole
    with_upload(5_000_000) do |path, sha|
      output, = curl("--upload-file", path, server.url("/digest"))
      assert_equal({ "size" => 5_000_000, "sha256" => sha }, JSON.parse(output))
    end
  end

  def test_a_chunked_upload_is_whole
    with_upload(3_000_000) do |path, sha|
      output, = curl("--header", "Transfer-Encoding: chunked", "--upload-file", path, server.url("/digest"))
      assert_equal sha, JSON.parse(output)["sha256"]
    end
  end

  def test_W11_an_expecting_upload_waits_for_continue
    with_upload(2_000_000) do |path, sha|
      output, errors = curl("--verbose", "--header", "Expect: 100-continue", "--expect100-timeout", "15",
        "--upload-file", path, server.url("/digest"))
      assert_equal sha, JSON.parse(output)["sha256"]
      assert_match(/100 Continue/i, errors)
    end
  end

  def test_W11_an_expecting_upload_that_is_not_read_is_not_sent
    with_upload(2_000_000) do |path, _|
      output, errors = curl("--verbose", "--header", "Expect: 100-continue", "--expect100-timeout", "15",
        "--upload-file", path, server.url("/ignore"))
      assert_equal "ignored", output
      refute_match(/100 Continue/i, errors)
    end
  end

  def test_head_ends_at_once
    output, = curl("--head", server.url("/pattern?1000"))
    assert_match(/^content-length: 1000\r$/i, output)
  end

  def test_several_requests_use_one_connection
    output, = curl("--write-out", " %{num_connects}\n", server.url("/a"), server.url("/b"), server.url("/c"))
    assert_equal "GET /a 1\nGET /b 0\nGET /c 0\n", output
  end

  def test_http_1_0_gets_its_body
    output, = curl("--http1.0", server.url("/pattern?100000"))
    assert_equal 100_000, output.bytesize
  end

  def test_a_form_reaches_the_app
    output, = curl("--data", "a=1&b=two", server.url("/echo"))
    answer = JSON.parse(output)
    assert_equal ["a=1&b=two", "application/x-www-form-urlencoded"], [answer["body"], answer["env"]["CONTENT_TYPE"]]
  end

  def test_a_large_file_comes_whole
    output, = curl(server.url("/file"))
    assert_equal 10_000_000, output.bytesize
  end

  def test_an_error_is_told
    output, = curl("--output", "/dev/null", "--write-out", "%{http_code}", server.url("/raise"))
    assert_equal "500", output
  end
end
