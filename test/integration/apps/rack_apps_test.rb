# frozen_string_literal: true

require_relative "browser"

# The middleware that most Rack applications stand on, each layer under Rack::Lint.
class RackAppsTest < HyperionTest::ApplicationCase
  serve "test/integration/apps/rack/config.ru", "-t", "4", env: { "RACK_ENV" => "production" }

  FILES = "#{__dir__}/rack"

  def test_static_files
    response = browser.get("/files/config.ru")
    assert_equal ["200", File.binread("#{FILES}/config.ru")], [response.code, response.body]
    assert_equal "304", browser.get("/files/config.ru", "if-modified-since" => response["last-modified"]).code
    head = fetch("HEAD", "/files/config.ru")
    assert_equal [200, response["content-length"], ""], [head.status, head["content-length"], head.body]
    assert_equal "404", browser.get("/files/nowhere").code
  end

  def test_W7_ranges_of_static_files
    whole = File.binread("#{FILES}/config.ru")
    { "bytes=0-9" => whole[0..9], "bytes=5-" => whole[5..], "bytes=-7" => whole[-7..] }.each do |range, part|
      response = browser.get("/files/config.ru", "range" => range)
      assert_equal ["206", part, part.bytesize.to_s], [response.code, response.body, response["content-length"]]
    end
    assert_equal "416", browser.get("/files/config.ru", "range" => "bytes=999999-").code
  end

  def test_deflater
    response = get("/text", "accept-encoding" => "gzip")
    assert_equal "gzip", response["content-encoding"]
    assert_equal "text " * 1000, Zlib.gunzip(response.body)
    assert_equal "text " * 1000, get("/text").body
  end

  def test_etags
    first = browser.get("/text")
    assert_equal "304", browser.get("/text", "if-none-match" => first["etag"]).code
  end

  def test_head_loses_only_the_body
    client = connect
    head = client.fetch("HEAD", "/text")
    assert_equal [200, ""], [head.status, head.body]
    assert_equal "text " * 1000, client.get("/text").body
  end

  def test_uploads = assert_uploaded("/upload")

  def test_method_override
    assert_equal "DELETE", browser.post("/method", "_method" => "delete").body
  end

  def test_urlmap
    assert_equal "/mounted|/deep/path", browser.get("/mounted/deep/path").body
  end

  def test_the_error_page
    response = browser.get("/boom")
    assert_equal "500", response.code
    refute_includes response.body, "secret"
  end

  def test_events_of_the_server_reach_a_browser_one_by_one
    assert_streamed("/events", /data: first\n\n/, /data: second\n\n/)
  end
end
