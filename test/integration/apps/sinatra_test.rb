# frozen_string_literal: true

require_relative "browser"

# A Sinatra application as people write them, driven over HTTP.
class SinatraTest < HyperionTest::ApplicationCase
  serve "test/integration/apps/sinatra/config.ru", "-t", "4"

  def test_a_page
    response = browser.get("/")
    assert_equal ["200", "text/html;charset=utf-8"], [response.code, response["content-type"].delete(" ")]
    assert_equal "Hello from Sinatra #{server.host}:#{server.port} 127.0.0.1", response.body
  end

  def test_the_session_counts = assert_visits_counted
  def test_an_upload = assert_uploaded("/upload")
  def test_a_stream = assert_streamed("/stream", /first,/, /second/)

  def test_cookies
    assert_equal "was nil", browser.get("/cookie").body
    assert_equal %w[plain second], browser.jar.keys & %w[plain second]
    assert_equal 'was "one two"', browser.get("/cookie").body
  end

  def test_a_redirect
    response = browser.get("/redirect")
    assert_includes %w[302 303], response.code
    assert_equal "http://#{server.host}:#{server.port}/landed?from=redirect", response["location"]
    assert_equal "landed redirect", browser.get(URI(response["location"]).request_uri).body
  end

  def test_json_and_forms
    assert_equal({ "a" => "1", "b" => ["x y", "ü"] }, JSON.parse(browser.get("/json?a=1&b[]=x+y&b[]=%C3%BC").body))
    assert_equal({ "name" => "Ä & Ö", "list" => ["1"] }, JSON.parse(browser.post("/form", "name" => "Ä & Ö", "list[]" => "1").body))
  end

  def test_other_methods
    assert_equal "sent by put", browser.put("/echo", "sent by put").body
    assert_equal "deleted 42", browser.delete("/things/42").body
    assert_equal "", fetch("HEAD", "/").body
  end

  def test_a_file
    response = browser.get("/file")
    assert_equal File.binread("#{__dir__}/sinatra/config.ru"), response.body
    assert_equal response.body.bytesize.to_s, response["content-length"]
    assert_equal 'attachment; filename="app.txt"', response["content-disposition"]
    assert_equal "304", browser.get("/file", "if-modified-since" => response["last-modified"]).code
    part = browser.get("/file", "range" => "bytes=10-19")
    assert_equal ["206", response.body[10..19]], [part.code, part.body]
  end

  def test_the_error_page
    response = browser.get("/boom")
    assert_equal ["500", "An apology"], [response.code, response.body]
    assert_equal ["404", "Nothing at /nowhere"], browser.get("/nowhere").then { |missing| [missing.code, missing.body] }
    assert_equal ["418", "yes"], browser.get("/halt").then { |teapot| [teapot.code, teapot["x-teapot"]] }
  end

  def test_many_browsers_at_once
    running = server
    counts = Array.new(8) do
      Thread.new do
        own = HyperionTest::Browser.new(running)
        Array.new(15) { own.get("/visits").body }
      ensure
        own&.close
      end
    end
    counts.each { |thread| assert_equal (1..15).map(&:to_s), thread.value }
  end

  def test_in_a_cluster
    cluster = boot("test/integration/apps/sinatra/config.ru", "-w", "2", "-t", "2", env: { "RACK_ENV" => "production" })
    first = HyperionTest::Browser.new(cluster)
    assert_equal %w[1 2 3 4], Array.new(4) { first.get("/visits").body }
    assert_equal 0, cluster.stop.exitstatus
  end
end
