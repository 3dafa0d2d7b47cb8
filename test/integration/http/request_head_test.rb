# frozen_string_literal: true

require_relative "../../support/attack_case"

# Request line, field syntax, Host and the forms of the request target.
class RequestHeadTest < HyperionTest::AttackCase
  def self.get(*lines) = head(*lines, request: "GET /attacked HTTP/1.1")

  rejects "A12", "line feeds only", 400, "GET /attacked HTTP/1.1\nHost: a\n\n"
  rejects "A12", "a line feed behind the request line", 400, "GET /attacked HTTP/1.1\nHost: a\r\n\r\n"
  rejects "A12", "a line feed behind a field", 400, "GET /attacked HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"
  rejects "A12", "a line feed as the empty line", 400, "GET /attacked HTTP/1.1\r\nHost: a\r\n\n"
  rejects "A12", "carriage returns only", 400, "GET /attacked HTTP/1.1\rHost: a\r\r"
  rejects "A12", "carriage return in a value", 400, get("X: a\rb")
  rejects "A12", "carriage return at the end of a value", 400, get("X: a\r")
  rejects "A12", "NUL in a value", 400, get("X: a\0b")
  rejects "A12", "NUL in a name", 400, get("X\0Y: a")
  rejects "A12", "control byte in a value", 400, get("X: a\x01b")
  rejects "A12", "delete in a value", 400, get("X: a\x7fb")
  rejects "A12", "folded with blank", 400, get("X: a", " b")
  rejects "A12", "folded with tab", 400, get("X: a", "\tb")
  rejects "A12", "no colon", 400, get("X")
  rejects "A12", "empty name", 400, get(": a")
  rejects "A12", "blank in a name", 400, get("X Y: a")
  rejects "A12", "UTF-8 in a name", 400, get("Ünder: a")
  rejects "A12", "quotes in a name", 400, get('"X": a')
  rejects "A12", "blank before the colon", 400, get("X : a")

  def test_A12_visible_and_upper_bytes_in_a_value_are_kept
    value = "\t!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\t\x80\xff".b
    env = get("/echo", "x-bytes" => "a#{value}z".b).json["env"]
    assert_equal "a#{value}z".b, env["HTTP_X_BYTES"].encode("ISO-8859-1").b
  end

  rejects "A13", "no Host", 400, "GET /attacked HTTP/1.1\r\n\r\n"
  rejects "A13", "two Hosts", 400, get("Host: b")
  rejects "A13", "the same Host twice", 400, get("Host: a")
  {
    "empty" => "", "a path" => "a/b", "user information" => "me@a", "a comma" => "a, b", "a blank" => "a b",
    "an open bracket" => "[::1", "a port of letters" => "a:b", "a query" => "a?b", "a fragment" => "a#b",
    "a quote" => 'a"b', "a backslash" => "a\\b", "a scheme" => "http://a"
  }.each { |title, value| rejects "A13", "Host with #{title}", 400, "GET /attacked HTTP/1.1\r\nHost: #{value}\r\n\r\n" }

  def test_A13_http_1_0_needs_no_host
    client = connect
    client.write("GET /echo HTTP/1.0\r\n\r\n")
    response = client.response
    assert_equal 200, response.status
    assert_equal [nil, "/echo"], response.json["env"].values_at("HTTP_HOST", "PATH_INFO")
    refute_empty response.json["env"]["SERVER_NAME"]
    assert_ended client
  end

  def test_A13_absolute_form_wins_over_host
    responses = assert_in_step("GET http://other.example:81/echo?q=1 HTTP/1.1\r\nHost: a\r\n\r\n")
    expected = { "HTTP_HOST" => "other.example:81", "SERVER_NAME" => "other.example", "SERVER_PORT" => "81",
                 "PATH_INFO" => "/echo", "QUERY_STRING" => "q=1" }
    assert_equal expected, responses[0].json["env"].slice(*expected.keys)
  end

  def test_W10_absolute_form_without_path_asks_for_the_root
    responses = assert_in_step("GET http://other.example HTTP/1.1\r\nHost: other.example\r\n\r\n")
    assert_equal "GET /", responses[0].body
  end

  rejects "A13", "absolute form without Host", 400, "GET http://a/attacked HTTP/1.1\r\n\r\n"
  rejects "A13", "absolute form with user information", 400, "GET http://me@a/attacked HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "A13", "absolute form without authority", 400, "GET http:///attacked HTTP/1.1\r\nHost: a\r\n\r\n"

  def test_A13_host_gives_name_and_port
    {
      "example.org" => ["example.org", "80"], "example.org:8080" => ["example.org", "8080"],
      "[::1]:8080" => ["[::1]", "8080"], "[::1]" => ["[::1]", "80"], "127.0.0.1:1" => ["127.0.0.1", "1"]
    }.each do |host, expected|
      env = get("/echo", "host" => host).json["env"]
      assert_equal [host, *expected], env.values_at("HTTP_HOST", "SERVER_NAME", "SERVER_PORT")
    end
  end

  def test_W10_asterisk_form_reaches_the_app_for_options
    responses = assert_in_step("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert_equal 200, responses[0].status
    assert_match(/\AOPTIONS /, responses[0].body)
  end

  def test_W10_a_later_version_of_http_1_is_answered_as_1_1
    responses = assert_in_step("GET / HTTP/1.2\r\nHost: a:\r\n\r\n" * 2)
    assert_equal [200, 200], responses.map(&:status)
  end

  rejects "W10", "asterisk form for GET", 400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "W10", "HTTP 0 9", 400, "GET /attacked\r\n"
  rejects "W10", "HTTP 2 0", 505, "GET /attacked HTTP/2.0\r\nHost: a\r\n\r\n"
  rejects "W10", "HTTP 3 0", 505, "GET /attacked HTTP/3.0\r\nHost: a\r\n\r\n"
  rejects "W10", "a version of letters", [400, 505], "GET /attacked HTTP/x.y\r\nHost: a\r\n\r\n"
  rejects "W10", "a version in lower case", [400, 505], "GET /attacked http/1.1\r\nHost: a\r\n\r\n"
  rejects "W10", "no version behind the blank", [400, 505], "GET /attacked \r\nHost: a\r\n\r\n"
  rejects "W10", "CONNECT", 501, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"
  rejects "W10", "CONNECT to a path", [400, 501], "CONNECT /attacked HTTP/1.1\r\nHost: a\r\n\r\n"

  rejects "B7", "the beginning of the HTTP 2 preface", 505, "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n"
  rejects "B7", "a method of ten kilobytes", 501, "#{"A" * 10_240} /attacked HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B7", "a method of 33 bytes", 501, "#{"A" * 33} /attacked HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B7", "a method that is no token", 400, "G@T /attacked HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B7", "a method with NUL", 400, "GE\0T /attacked HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B7", "a method with upper bytes", 400, "G\xC3\x8BT /attacked HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B7", "no method", 400, " /attacked HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B7", "garbage", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"

  def test_B7_the_HTTP_2_preface_behind_a_request
    client = connect
    client.write("GET /a HTTP/1.1\r\nHost: a\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert_equal [200, 505], Array.new(2) { client.response.status }
  end

  def test_B7_any_short_token_reaches_the_app_as_it_is
    ["TRACE", "get", "PURGE", "M-SEARCH", "X!#$%&'*+-.^_`|~", "A" * 32].each do |method|
      client = connect
      client.write("#{method} /method HTTP/1.1\r\nHost: a\r\n\r\n")
      assert_equal "#{method} /method", client.response.body
    end
  end

  def test_W10_blank_lines_before_a_request_are_skipped_but_bounded
    responses = assert_in_step("\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert_equal ["GET /a", "GET /b"], responses.map(&:body)
  end
end
