# frozen_string_literal: true

require "digest"
require "time"
require_relative "native_case"

# Static responses: rendered once, answered by the engine, and otherwise like any other response.
class RoutesTest < HyperionTest::NativeCase
  BIG = Array.new(20_000) { |index| format("%07d\n", index) }.join

  serve app("routes"), "-t", "2", "--admin-token", TOKEN

  def test_a_static_response_has_its_headers_and_a_fresh_date
    response = get("/static")
    assert_equal [200, "a static body\n"], [response.status, response.body]
    assert_equal %w[text/plain 1 max-age=60 14], %w[content-type x-one cache-control content-length].map { |name| response[name] }
    assert_equal %w[a=1 b=2], response.values("set-cookie")
    assert_match(/\A"[^"]+"\z/, response["etag"])
    assert_empty response.values("x-middleware")
  end

  def test_the_date_moves_on
    dates = [get("/static")["date"]]
    eventually { (dates << get("/static")["date"]).uniq.size == 2 }
    assert_equal dates.map { |date| Time.httpdate(date) }.sort, dates.map { |date| Time.httpdate(date) }
    assert_in_delta Time.now, Time.httpdate(dates.last), 2
  end

  def test_each_kind_of_response
    assert_equal ["<p>", "text/html; charset=utf-8"], get("/html").then { |response| [response.body, response["content-type"]] }
    assert_equal BIG, get("/big").body
    assert_equal [200, "0", ""], get("/empty").then { |response| [response.status, response["content-length"], response.body] }
    none = get("/none")
    assert_equal [204, [], []], [none.status, none.values("content-length"), none.values("content-type")]
    assert_equal [410, "it was here\n", []], get("/gone").then { |response| [response.status, response.body, response.values("etag")] }
    assert_equal [202, "taken\n"], post("/taken", "x").then { |response| [response.status, response.body] }
  end

  def test_mixed_requests_in_one_write_are_answered_in_order
    kinds = { "/static" => "a static body\n", "/block?1" => "block 1", "/rack" => "rack GET /rack ", "/big" => BIG, "/none" => "" }
    paths = Array.new(60) { |index| kinds.keys[index * 7 % 5] }
    responses = exchange(*paths.map { |path| head("GET #{path}") })
    assert_equal kinds.values_at(*paths), responses.map(&:body)
  end

  def test_a_native_response_waits_for_the_slow_one_before_it
    slow = boot_text(<<~RUBY, "-t", "1")
      Hyperion::Server.handle_static(:GET, "/static", "static")
      run ->(env) { sleep 0.3; [200, {}, ["slow"]] }
    RUBY
    assert_equal %w[slow static slow static static], exchange(*%w[/a /static /b /static /static].map { |path| head("GET #{path}") }, to: slow).map(&:body)
  end

  def test_W4_ten_megabytes_to_a_slow_reader
    booted = boot_text(<<~RUBY)
      BODY = Array.new(1_250_000) { |index| format("%07d\n", index) }.join
      Hyperion::Server.handle_static(:GET, "/large", BODY)
      run ->(_) { [404, {}, []] }
    RUBY
    client = connect(booted, receive_buffer: 8192).write(head("GET /large") + head("GET /large", "Connection: close"))
    received = client.read_slowly(30_000, interval: 0.005, times: 40) + client.read_to_end
    expected = Digest::SHA256.hexdigest(Array.new(1_250_000) { |index| format("%07d\n", index) }.join)
    bodies = received.split(%r{HTTP/1\.1 200 OK\r\n.*?\r\n\r\n}m).drop(1)
    assert_equal [expected] * 2, bodies.map { |body| Digest::SHA256.hexdigest(body) }
  end

  def test_W18_blocks_outlive_collections_and_each_answers_its_own_path
    booted = boot_text(<<~'RUBY', "-t", "2")
      Array.new(300) { |index| Hyperion::Server.handle(:GET, "/#{index}") { |_| [200, {}, ["block #{index}"]] } }
      run ->(_) { GC.start; GC.respond_to?(:compact) && GC.compact; [200, {}, ["collected"]] }
    RUBY
    client = connect(booted)
    2.times do
      assert_equal "collected", client.get("/collect").body
      300.times { |index| assert_equal "block #{index}", client.get("/#{index}").body }
    end
  end

  def test_registrations_while_others_are_served
    booted = boot(self.class.app("routes"), "-t", "3")
    readers = Array.new(2) do
      Thread.new { connect(booted).then { |client| Array.new(600) { |index| client.get(index.even? ? "/static" : "/block?#{index}").body } } }
    end
    client = connect(booted)
    100.times do |index|
      client.get("/register?/new#{index}")
      eventually { client.get("/new#{index}").body == "registered while serving\n" }
    end
    readers.each { |reader| assert_equal Array.new(600) { |index| index.even? ? "a static body\n" : "block #{index}" }, reader.value }
  end

  def test_pieces_of_a_request_are_put_together
    client = connect
    client.write_slowly(head("GET /static").chars, interval: 0.001)
    assert_equal "a static body\n", client.response.body
    assert_equal "rack GET /x ", client.get("/x").body
  end

  def test_the_query_is_ignored
    ["/static?", "/static?a=b", "/static?/block", "http://a/static?x", "http://other.example/static"].each do |target|
      assert_equal "a static body\n", get(target).body, target
    end
  end

  def test_a_path_is_matched_as_it_is_written
    assert_equal "escaped\n", get("/a%20b").body
    ["/a b", "/static/", "//static", "/Static", "/%73tatic", "/static;x"].each do |path|
      refute_match(/escaped|static body/, exchange(head("GET #{path}")).first.body, path)
    end
  end

  def test_W8_head_comes_for_free
    full, bare = get("/static"), fetch("HEAD", "/static")
    assert_equal "", bare.body
    assert_equal full.headers.reject { |name, _| name == "date" }, bare.headers.reject { |name, _| name == "date" }
    assert_equal ["", "a static body\n"], exchange(head("HEAD /static"), head("GET /static")).map(&:body)
    assert_equal %w[passed], fetch("HEAD", "/block").values("x-middleware"), "a block for GET does not answer HEAD"
  end

  def test_other_methods_go_to_the_app
    assert_equal "rack POST /static sent", post("/static", "sent").body
    %w[PUT DELETE OPTIONS PROPFIND].each { |method| assert_equal "rack #{method} /static ", fetch(method, "/static").body }
    assert_equal ["static\n", "block got sent", "rack PUT /both "], [get("/both"), post("/both", "sent"), fetch("PUT", "/both")].map(&:body)
  end

  def test_conditional_requests
    etag = get("/static")["etag"]
    matching = [etag, "W/#{etag}", "*", "\"x\", #{etag}", "\"x\",W/#{etag} , \"y\"", ["\"x\"", etag]]
    matching.each { |value| assert_not_modified get("/static", "if-none-match" => value), etag, value }
    ["\"x\"", etag.delete('"'), "", "W/\"x\""].each do |value|
      assert_equal [200, "a static body\n"], get("/static", "if-none-match" => value).then { |response| [response.status, response.body] }, value.inspect
    end
    assert_equal 304, fetch("HEAD", "/static", "if-none-match" => etag).status
    assert_equal [304, '"mine"'], get("/tagged", "if-none-match" => '"mine"').then { |response| [response.status, response["etag"]] }
    assert_equal [412, 200], [get("/static", "if-match" => '"x"').status, get("/static", "if-match" => etag).status]
    assert_equal 410, get("/gone", "if-none-match" => "*").status
  end

  def assert_not_modified(response, etag, why)
    assert_equal [304, ""], [response.status, response.body], why.inspect
    assert_equal [etag, "max-age=60", []], [response["etag"], response["cache-control"], response.values("content-length")]
    assert_in_delta Time.now, Time.httpdate(response["date"]), 2
  end

  def test_F7_a_huge_if_none_match
    list = Array.new(4000) { |index| "\"#{index}\"" }.join(",")
    etag = get("/static")["etag"]
    assert_equal [200, 304], ["", ",#{etag}"].map { |rest| get("/static", "if-none-match" => list + rest).status }
  end

  def test_http_1_0_and_close
    [["GET /static HTTP/1.0\r\n\r\n", 1], ["GET /static HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 1],
     ["GET /static HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n", 1], ["GET /closing HTTP/1.1\r\nHost: a\r\n\r\n", 1]].each do |request, _|
      client = connect.write(request)
      response = client.response
      assert_equal [200, true], [response.status, response.close?], request
      assert_ended client, request
    end
  end

  def test_http_1_0_with_keep_alive
    client = connect
    2.times do
      response = client.write("GET /static HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").response
      assert_equal ["a static body\n", "keep-alive"], [response.body, response["connection"]]
    end
  end

  def test_bodies_of_requests_are_read_and_thrown_away
    chunks = "5\r\nhello\r\n6;ext=1\r\n there\r\n0\r\nx-trailer: y\r\n\r\n"
    large = "x" * 200_000
    posts = [head("POST /taken", "Content-Length: 5") + "hello", head("POST /taken", "Transfer-Encoding: chunked") + chunks,
             head("GET /static", "Content-Length: 5") + "hello", head("GET /static", "Transfer-Encoding: chunked") + chunks,
             head("POST /taken", "Content-Length: #{large.size}") + large, head("POST /taken", "Transfer-Encoding: chunked") + "#{large.size.to_s(16)}\r\n#{large}\r\n0\r\n\r\n"]
    requests = posts.flat_map { |request| [request, head("GET /block?next")] }
    expected = ["taken\n", "taken\n", "a static body\n", "a static body\n", "taken\n", "taken\n"].flat_map { |body| [body, "block next"] }
    assert_equal expected, exchange(*requests).map(&:body)
  end

  def test_a_long_body_that_is_still_to_come_ends_the_connection
    client = connect.write(head("POST /taken", "Content-Length: 10000000"))
    response = client.response
    assert_equal ["taken\n", true], [response.body, response.close?]
    assert_ended client.write("x" * 100_000)
  end

  def test_a_body_that_comes_late_is_no_request
    client = connect.write(head("POST /taken", "Content-Length: 20"))
    assert_equal "taken\n", client.response.body
    client.write("GET /evil HTTP/1.1\r\n" + head("GET /block?next"))
    assert_equal "block next", client.response.body
  end

  def test_bad_bodies_are_refused
    assert_equal 400, exchange(head("POST /taken", "Content-Length: 5", "Transfer-Encoding: chunked")).first.status
    assert_equal 413, exchange(head("POST /taken", "Content-Length: 99999999999")).first.status
    assert_equal 400, exchange(head("POST /taken", "Transfer-Encoding: chunked") + "zz\r\n").first.status
    client = connect.write(head("POST /taken", "Transfer-Encoding: chunked"))
    assert_equal "taken\n", client.response.body
    assert_ended client.write("zz\r\n#{head("GET /static")}")
  end

  def test_W11_nobody_is_asked_for_a_body_that_is_not_wanted
    client = connect.write(head("POST /taken", "Expect: 100-continue", "Content-Length: 5"))
    response = client.response
    assert_equal [202, "taken\n", []], [response.status, response.body, response.informational]
    next_one = client.write("hello#{head("GET /static")}").response unless response.close?
    assert_equal "a static body\n", next_one.body if next_one
    assert_ended client if response.close?
  end

  def test_W19_each_response_has_a_line
    path = "/static?line=#{object_id}"
    get(path)
    line = JSON.parse(server.wait_for_log(/^\{.*line=#{object_id}.*$/)[0])
    assert_equal ["GET", "/static", "line=#{object_id}", 200, 14, "127.0.0.1"], line.values_at(*%w[method path query status bytes remote_addr])
    assert_equal 0, line["queue_ms"], "a static response waits for no thread"
  end

  def test_modes_are_counted
    before = modes
    3.times { get("/static") }
    2.times { get("/block") }
    fetch("HEAD", "/rack")
    after = modes
    assert_equal({ "block" => 2, "rack" => 1, "file" => 0 }, %w[block rack file].to_h { |mode| [mode, after[mode] - before[mode]] })
    assert_equal 4, after["native"] - before["native"], "three, and the scrape before them"
    driver = server.log[%r{^  I/O +(\w+)$}, 1]
    assert_equal [driver], samples("hyperion_dispatch_mode_total").reject { |_, count| count.zero? }.keys.map { |labels| labels[/driver="(\w+)"/, 1] }.uniq
    total = samples("hyperion_requests_dispatch_total").values.sum
    assert_equal modes.values.sum, total + 1, "each request is counted once"
  end

  def test_the_boot_line_tells
    assert_match(/^  Routes +11 native, 3 blocks, 1 mount \((epoll|io_uring)\)$/, server.log)
  end

  def test_a_registration_while_serving
    path = "/fresh#{object_id}"
    client = connect
    assert_equal "rack GET #{path} ", client.get(path).body
    assert_equal "registered", client.get("/register?#{path}").body
    eventually { client.get(path).body == "registered while serving\n" }
    again = client.get("/register?#{path}")
    assert_equal 409, again.status
    assert_match(/GET #{path} is registered already, at .*routes\.ru:\d+; register it once/, again.body)
    assert_equal "a static body\n", client.get("/static").body
  end
end
