# frozen_string_literal: true

require_relative "rack_case"

# The server between a real client and Rack::Lint: a breach of the SPEC is a 500 with a LintError in the log.
class LintTest < HyperionTest::RackCase
  serve app("lint"), "-t", "3"

  def test_W6_every_kind_of_response
    client = connect
    { "/array" => "hello world", "/length" => "hello", "/each" => "abc", "/redirect" => "moved", "/missing" => "no such thing",
      "/cookies" => "two", "/errors" => "logged", "/hints" => "hinted", "/finished" => "finished", "/none" => "",
      "/not-modified" => "" }.each do |path, body|
      response = client.get(path)
      refute_equal 500, response.status, "#{path}: #{server.log[-2000..]}"
      assert_equal body, response.body, path
    end
  end

  def test_W6_files_and_hijacks
    assert_includes get("/path").body, "class FileBody"
    assert_equal "full", get("/full").body
    assert_equal "hijacked", get("/partial").body
  end

  def test_W6_streaming_bodies
    skip "Rack::Lint of Rack 2 knows no streaming bodies" unless RACK3
    assert_equal "one two", get("/stream").body
  end

  def test_W6_every_method
    %w[GET POST PUT PATCH DELETE OPTIONS TRACE PROPFIND].each do |method|
      response = fetch(method, "/method")
      assert_equal [200, method], [response.status, response.body], server.log[-2000..]
    end
    assert_equal [200, ""], fetch("HEAD", "/array").then { |response| [response.status, response.body] }
  end

  def test_W6_every_form_of_body
    large = "large line\n" * 40_000
    ["", "small", large].each { |body| assert_equal body, post("/echo", body).body }
    chunks = "5\r\nhello\r\n6;ext=1\r\n there\r\n0\r\n\r\n"
    response = connect.write("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n#{chunks}").response
    assert_equal [200, "hello there"], [response.status, response.body]
  end

  def test_W6_the_input_as_lint_wants_it
    first, rest, buffer, left = post("/form", "line\nabcdef\nmore\n", "content-type" => "text/plain").json
    assert_equal ["line\n", "abc", "de", "f\nmore\n".bytesize], [first, rest, buffer, left]
  end

  def test_W6_odd_but_valid_requests
    { "GET / HTTP/1.0\r\n\r\n" => 200,
      "GET /?a=b HTTP/1.0\r\nHost: old.example\r\n\r\n" => 200,
      "GET http://abs.example/path HTTP/1.1\r\nHost: abs.example\r\n\r\n" => 200,
      "GET /%C3%A9?a HTTP/1.1\r\nHost: [::1]:99\r\nX: \xFF\xFE\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n".b => 200,
      "GET / HTTP/1.1\r\nHost: a\r\nVersion: 9\r\nUpgrade: some, other/1\r\nConnection: upgrade\r\n\r\n" => 200,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain; charset=x\r\nContent-Length: 3\r\n\r\nabc" => 200 }.each do |bytes, status|
      assert_equal status, connect.write(bytes).response.status, "#{bytes.inspect}\n#{server.log[-2000..]}"
    end
  end

  def test_W6_in_a_cluster
    cluster = boot(self.class.app("lint"), "-w", "2", "-t", "1")
    8.times { assert_equal "hello world", get("/array", to: cluster).body, cluster.log[-2000..] }
  end
end
