# frozen_string_literal: true

require_relative "http2_case"

# Clients that nobody here wrote.
class Http2ClientsTest < HyperionTest::Http2Case
  def test_curl_with_prior_knowledge
    output = curl("--include", "--http2-prior-knowledge", server.url("/ignore"))
    assert_match(%r{\AHTTP/2 200 \r\n.*^date: \w{3}, .*\r\n\r\nignored\z}m, output)
  end

  def test_curl_over_tls_chooses_http2
    output = curl("--include", secure_url("/env"))
    assert_match(%r{\AHTTP/2 200}, output)
    env = JSON.parse(output.split("\r\n\r\n", 2).last)
    assert_equal ["https", "on", "HTTP/2"], env.values_at("rack.url_scheme", "HTTPS", "SERVER_PROTOCOL")
  end

  def test_curl_over_tls_may_choose_http1
    output = curl("--include", "--http1.1", secure_url("/env"))
    assert_match(%r{\AHTTP/1\.1 200 OK}, output)
  end

  def test_curl_uploads_and_downloads_ten_megabytes
    Tempfile.create("upload", binmode: true) do |file|
      file.write(Random.new(1).bytes(10_000_000))
      file.flush
      [server.url("/digest"), secure_url("/digest")].each do |url|
        answer = JSON.parse(curl("--http2-prior-knowledge", "--upload-file", file.path, url))
        assert_equal [10_000_000, Digest::SHA256.file(file.path).hexdigest], answer.values_at("size", "sha256")
      end
    end
    whole = get("/pattern?10000000").body
    [server.url("/pattern?10000000"), secure_url("/pattern?10000000")].each do |url|
      assert_equal Digest::SHA256.hexdigest(whole), Digest::SHA256.hexdigest(curl("--http2-prior-knowledge", url))
    end
  end

  def test_curl_reads_slowly
    output = curl("--http2-prior-knowledge", "--limit-rate", "3M", server.url("/pieces?400"))
    assert_equal((0...400).sum { |i| 16_384 + i }, output.bytesize)
  end

  def test_curl_sends_many_at_once
    urls = (1..60).map { |i| secure_url("/pattern?#{i * 1000}") }
    output = curl("--parallel", "--parallel-max", "60", "--write-out", "%{http_version} %{http_code} %{size_download}\n",
      *urls.flat_map { |url| ["--output", "/dev/null", url] }).scan(/^2 200 \d+$/)
    assert_equal((1..60).map { |i| "2 200 #{i * 1000}" }.sort, output.sort)
  end

  def test_nghttp_shows_the_frames
    output = run_client("nghttp", "--verbose", "--no-dep", server.url("/cookies")).gsub(/\e\[[\d;]*m/, "")
    ["SETTINGS_MAX_CONCURRENT_STREAMS(0x03):128", ":status: 200", "set-cookie: a=1; path=/", "set-cookie: b=2",
     "recv DATA frame <length=3, flags=0x01"].each { |text| assert_includes output, text }
    assert_operator output.index(":status: 200"), :<, output.index("recv DATA")
    refute_match(/recv (?:RST_STREAM|PUSH_PROMISE)/, output)
  end

  def test_nghttp_shows_trailers_and_hints
    trailers = run_client("nghttp", "--verbose", "--no-dep", server.url("/trailers"))
    assert_match(/recv DATA.*recv \(stream_id=\d+(?:, sensitive)?\).*x-sum.*6.*flags=0x05/m, trailers.gsub(/\e\[[\d;]*m/, ""))
    hints = run_client("nghttp", "--verbose", "--no-dep", server.url("/hints")).gsub(/\e\[[\d;]*m/, "")
    assert_match(%r{:status: 103.*link: </a\.css>; rel=preload.*:status: 200}m, hints)
  end

  def test_nghttp_sends_trailers
    Tempfile.create("body") do |file|
      file.write("body")
      file.flush
      output = run_client("nghttp", "--verbose", "--no-dep", "--data=#{file.path}", "--trailer", "x-sum: 6", server.url("/digest"))
      assert_includes output, %("size":4)
    end
  end

  def test_h2load_ten_thousand_requests
    [server.url("/ignore"), secure_url("/ignore")].each do |url|
      assert_loaded(run_client("h2load", "-n", 10_000, "-c", 10, "-m", 50, url), 10_000)
    end
  end

  def test_a_hundred_thousand_requests_on_one_connection
    booted = boot_h2(APP, "-t", "2", "--no-log-requests")
    assert_loaded(run_client("h2load", "-n", 100_000, "-c", 1, "-m", 50, booted.url("/native")), 100_000)
    assert_loaded(run_client("h2load", "-n", 100_000, "-c", 1, "-m", 50, booted.url("/ignore")), 100_000)
  end

  private

  def assert_loaded(output, count)
    assert_match(/^requests: #{count} total, #{count} started, #{count} done, #{count} succeeded, 0 failed, 0 errored, 0 timeout$/, output)
    assert_match(/^status codes: #{count} 2xx, 0 3xx, 0 4xx, 0 5xx$/, output)
  end
end
