# frozen_string_literal: true

require_relative "native_case"

# Blocks get a complete env and may answer with whatever a Rack app may.
class BlocksTest < HyperionTest::NativeCase
  SOURCE = File.binread("#{ROOT}/#{app("blocks")}")

  serve app("blocks"), "-t", "2", "--early-hints", "on", env: { "RACK_ENV" => "production" }

  def test_lint_has_nothing_to_say
    { "/array" => "anarray", "/each" => "ab", "/file" => SOURCE }.each do |path, body|
      response = get("/lint#{path}?a=b")
      assert_equal [200, body], [response.status, response.body], server.log[-2000..]
    end
    assert_equal "sent", post("/lint/echo", "sent").body
    large = "large line\n" * 40_000
    assert_equal large, post("/lint/echo", large).body
    assert_equal "hello", connect.write(head("POST /lint/echo", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n").response.body
  end

  def test_any_method
    %w[GET POST PUT PATCH DELETE OPTIONS TRACE].each { |method| assert_equal [200, "anarray"], fetch(method, "/lint/array").then { |response| [response.status, response.body] }, method }
    bare = fetch("HEAD", "/lint/array")
    assert_equal [200, ""], [bare.status, bare.body]
  end

  def test_the_env_is_that_of_the_app
    env = get("/env?a=b", "x-custom" => "value", "cookie" => "c=d").json
    assert_equal ["GET", "/env", "", "a=b", "value", "c=d", "127.0.0.1", "http", "HTTP/1.1", true],
      env.values_at(*%w[REQUEST_METHOD PATH_INFO SCRIPT_NAME QUERY_STRING HTTP_X_CUSTOM HTTP_COOKIE REMOTE_ADDR rack.url_scheme SERVER_PROTOCOL rack.multithread])
    plain = boot_text("run ->(env) { [200, {}, [env.keys.join(\",\")]] }", "--early-hints", "on")
    assert_equal get("/env", to: plain).body.split(",").sort, get("/env").json.keys.sort
  end

  def test_bodies_of_each_kind
    assert_equal "one two", get("/stream").body
    assert_equal "hijacked", get("/partial").body
    assert_equal "full", get("/full").body
    assert_equal [["x-checksum", "3"]], get("/trailing", "te" => "trailers").trailers
    hinted = get("/hints")
    assert_equal [[103], "hinted"], [hinted.informational.map(&:status), hinted.body]
  end

  def test_bodies_are_closed_and_ends_are_told
    get("/lint/each")
    assert_equal "closed", eventually { get("/closed").body[/closed/] }
    get("/finished")
    assert_equal "finished 200 nil", eventually { get("/closed").body[/finished.*/] }
  end

  def test_a_file_has_ranges
    response = get("/file", "range" => "bytes=2-5")
    assert_equal [206, SOURCE.byteslice(2, 4)], [response.status, response.body]
  end

  def test_failures_are_answered_and_logged
    client = connect
    response = client.get("/lint/raise")
    assert_equal 500, response.status
    refute_includes response.body, "secret"
    server.wait_for_log(/secret of a block/)
    assert_equal 500, get("/bad").status
    assert_equal "anarray", get("/lint/array").body
  end

  def test_blocks_run_on_all_threads
    booted = boot_text(<<~RUBY, "-t", "3")
      GATE = Thread::Queue.new
      Hyperion::Server.handle(:GET, "/wait") { |_| [200, {}, [GATE.pop]] }
      Hyperion::Server.handle(:GET, "/open") { |_| 2.times { GATE << "opened" } && [200, {}, []] }
      run ->(_) { [404, {}, []] }
    RUBY
    waiting = Array.new(2) { connect(booted).request("GET", "/wait") }
    assert(waiting.all? { |client| client.silent?(0.1) })
    assert_equal 200, get("/open", to: booted).status
    assert_equal %w[opened opened], waiting.map { |client| client.response.body }
  end
end
