# frozen_string_literal: true

require_relative "browser"

# A Rails application without a database, driven over HTTP.
class RailsTest < HyperionTest::ApplicationCase
  serve "test/integration/apps/rails/config.ru", "-t", "4", "--early-hints", "on", env: { "RAILS_ENV" => "production" }

  PAGES = "#{__dir__}/rails/app/controllers/pages_controller.rb"

  def setup
    super
    need_rails
  end

  def test_a_page
    response = browser.get("/")
    assert_equal ["200", "Hello from Rails #{server.host}:#{server.port} 127.0.0.1"], [response.code, response.body]
    assert_equal "<h1>a &amp; b</h1>", browser.get("/page/a%20&%20b").body
  end

  def test_the_session_counts = assert_visits_counted
  def test_an_upload = assert_uploaded("/upload")
  def test_a_live_stream = assert_streamed("/live", /data: first\n\n/, /data: second\n\n/)

  def test_a_stream_by_each
    response = browser.get("/lines")
    assert_equal ["200", "line 0\nline 1\nline 2\n"], [response.code, response.body]
  end

  def test_cookies
    assert_equal "plain nil signed nil", browser.get("/cookie").body
    assert_equal 'plain "one two" signed "trusted"', browser.get("/cookie").body.tr("+", " ")
    browser.jar["sealed"] = "forged"
    assert_match(/signed nil\z/, browser.get("/cookie").body)
  end

  def test_a_redirect
    response = browser.get("/moved")
    assert_equal ["302", "http://#{server.host}:#{server.port}/landed?from=rails"], [response.code, response["location"]]
    assert_equal "landed rails", browser.get(URI(response["location"]).request_uri).body
  end

  def test_json_and_forms
    assert_equal({ "a" => "1", "b" => ["x y"] }, JSON.parse(browser.get("/data?a=1&b[]=x+y").body)["query"])
    assert_equal({ "name" => "Ä & Ö", "list" => ["1"] }, JSON.parse(browser.post("/form", "name" => "Ä & Ö", "list[]" => "1").body))
  end

  def test_other_methods
    assert_equal "PUT sent by put", browser.put("/echo", "sent by put").body
    assert_equal "DELETE ", browser.delete("/echo").body
    assert_equal "", fetch("HEAD", "/").body
  end

  def test_a_file
    response = browser.get("/file")
    assert_equal File.binread(PAGES), response.body
    assert_match(/controller\.rb/, response["content-disposition"])
  end

  def test_conditional_get
    first = browser.get("/data?same=1")
    again = browser.get("/data?same=1", "if-none-match" => first["etag"])
    assert_equal ["304", nil], [again.code, again.body]
    assert_equal "200", browser.get("/data?same=2").code
  end

  def test_the_error_pages
    response = browser.get("/boom")
    assert_equal "500", response.code
    assert_includes response.body, "A page of apology"
    refute_includes response.body, "secret"
    missing = browser.get("/nowhere")
    assert_equal "404", missing.code
    assert_includes missing.body, "No such page"
  end

  def test_parameters_of_a_body_without_a_declared_length
    client = connect
    client.write("POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n")
    assert_equal 1, client.response.json["a"]
  end

  def test_early_hints
    response = get("/hints")
    assert_equal [200, "hinted"], [response.status, response.body]
    assert_includes response.informational.flat_map { |hint| hint.values("link") }, "</a.css>; rel=preload"
  end

  def test_many_browsers_at_once
    running = server
    counts = Array.new(6) do
      Thread.new do
        own = HyperionTest::Browser.new(running)
        Array.new(12) { own.get("/visits").body }
      ensure
        own&.close
      end
    end
    counts.each { |thread| assert_equal (1..12).map(&:to_s), thread.value }
  end

  def test_in_a_cluster
    cluster = boot("test/integration/apps/rails/config.ru", "-w", "2", "-t", "2", env: { "RAILS_ENV" => "production" })
    first = HyperionTest::Browser.new(cluster)
    assert_equal %w[1 2 3 4], Array.new(4) { first.get("/visits").body }
    assert_equal 0, cluster.stop.exitstatus
  end
end
