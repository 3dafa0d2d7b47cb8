# frozen_string_literal: true

require_relative "../../support/attack_case"

# Which names the app sees, and that no name can pose as another.
class HeaderIdentityTest < HyperionTest::AttackCase
  def env_of(*lines, request: "GET /echo HTTP/1.1", body: "", to: server)
    client = connect(to)
    client.write(head(*lines, request: request) + body)
    client.response.json["env"]
  end

  def test_B1_underscore_names_are_dropped
    env = env_of("X_Forwarded_For: evil", "Content_Length: 7", "Transfer_Encoding: chunked", "X_Evil: evil", "Good: good")
    assert_equal "good", env["HTTP_GOOD"]
    refute_includes env.values, "evil"
    absent = %w[CONTENT_LENGTH HTTP_CONTENT_LENGTH HTTP_TRANSFER_ENCODING HTTP_X_FORWARDED_FOR HTTP_X_EVIL]
    assert_empty env.slice(*absent)
  end

  def test_B1_dropped_names_are_counted
    before = get("/stats").json["underscore_headers_dropped"]
    env_of("X_One: 1", "X_Two: 2", "X-Three: 3")
    assert_equal before + 2, get("/stats").json["underscore_headers_dropped"]
  end

  def test_B1_an_underscore_name_never_changes_the_dash_name
    [%w[X-Forwarded-For X_Forwarded_For], %w[X_Forwarded_For X-Forwarded-For]].each do |names|
      env = env_of(*names.map { |name| "#{name}: #{name.include?("_") ? "evil" : "good"}" })
      assert_equal "good", env["HTTP_X_FORWARDED_FOR"]
    end
  end

  def test_B1_content_length_is_never_that_of_an_underscore_name
    env = env_of("Content_Length: 70", "Content-Length: 5", request: "POST /echo HTTP/1.1", body: "hello")
    assert_equal "5", env["CONTENT_LENGTH"]
  end

  def test_B1_dots_do_not_pose_as_dashes
    env = env_of("X.Forwarded.For: evil", "X-Forwarded-For: good")
    assert_equal "good", env["HTTP_X_FORWARDED_FOR"]
  end

  def test_B2_names_that_steer_the_server_are_removed
    env = env_of("Proxy: http://evil", "PROXY: http://evil", "X-Sendfile-Type: X-Accel-Redirect", "X-Accel-Mapping: /=/etc",
      "X-Accel-Redirect: /etc/passwd")
    assert_empty env.slice("HTTP_PROXY", "HTTP_X_SENDFILE_TYPE", "HTTP_X_ACCEL_MAPPING", "HTTP_X_ACCEL_REDIRECT")
  end

  def test_B2_header_names_never_become_inner_keys
    lines = ["rack.input: evil", "rack.url_scheme: evil", "SERVER_NAME: evil", "Path-Info: evil", "Script-Name: evil",
             "Remote-Addr: 6.6.6.6", "Https: on", "hyperion.x: evil"]
    env = env_of(*lines, "Content-Length: 5", request: "POST /echo HTTP/1.1", body: "hello")
    assert_equal ["a", "/echo", "", "127.0.0.1", "http"],
      env.values_at("SERVER_NAME", "PATH_INFO", "SCRIPT_NAME", "REMOTE_ADDR", "rack.url_scheme")
    assert_empty env.slice("HTTPS", "rack.input", "hyperion.x")
  end

  def test_B4_forwarding_headers_change_nothing
    env = env_of("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Forwarded-Port: 666",
      "X-Forwarded-Ssl: on", "X-Forwarded-Scheme: https", "X-Real-Ip: 6.6.6.6", "Client-Ip: 6.6.6.6",
      "Forwarded: for=6.6.6.6;proto=https;host=evil")
    expected = { "REMOTE_ADDR" => "127.0.0.1", "rack.url_scheme" => "http", "SERVER_NAME" => "a", "SERVER_PORT" => "80",
                 "HTTP_HOST" => "a", "HTTPS" => nil }
    assert_equal expected, expected.keys.to_h { |key| [key, env[key]] }
    assert_equal "6.6.6.6", env["HTTP_X_FORWARDED_FOR"]
  end

  def test_W12_the_address_is_that_of_the_peer
    socket = Socket.tcp("127.0.0.1", server.port, "127.0.0.5")
    client = HyperionTest::RawClient.new(socket)
    assert_equal "127.0.0.5", client.get("/echo").json["env"]["REMOTE_ADDR"]
  ensure
    client&.close
  end

  def test_B6_cookies_are_joined_with_a_semicolon
    assert_equal "a=1; b=2; c=3", env_of("Cookie: a=1", "Cookie: b=2; c=3")["HTTP_COOKIE"]
  end

  def test_B6_repeated_single_headers_are_joined_or_refused
    { "Content-Type" => "CONTENT_TYPE", "Authorization" => "HTTP_AUTHORIZATION" }.each do |name, key|
      responses = assert_in_step(head("#{name}: a/b", "#{name}: c/d", request: "GET /echo HTTP/1.1"))
      assert_equal "a/b, c/d", responses[0].json["env"][key] unless responses[0].status == 400
    end
  end

  def test_W9_repeated_headers_are_joined_in_order
    env = env_of("X-List: a", "Other: x", "x-list: b,c", "X-LIST: d")
    assert_equal ["a, b,c, d", "x"], env.values_at("HTTP_X_LIST", "HTTP_OTHER")
  end

  def test_W9_an_empty_value_is_an_empty_value
    env = env_of("X-Empty:", "X-Next: next", "X-Blank:   ", "X-Last: last")
    assert_equal ["", "next", "", "last"], env.values_at("HTTP_X_EMPTY", "HTTP_X_NEXT", "HTTP_X_BLANK", "HTTP_X_LAST")
  end

  def test_W9_white_space_around_a_value_is_no_part_of_it
    assert_equal "a  b", env_of("X-Space: \t a  b \t ")["HTTP_X_SPACE"]
  end

  def test_content_headers_have_no_prefix
    env = env_of("Content-Type: text/x", "Content-Length: 5", request: "POST /echo HTTP/1.1", body: "hello")
    assert_equal %w[text/x 5], env.values_at("CONTENT_TYPE", "CONTENT_LENGTH")
    assert_empty env.slice("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH")
  end

  def test_the_protocol_is_told
    assert_equal "HTTP/1.1", env_of["SERVER_PROTOCOL"]
    assert_equal "HTTP/1.0", env_of(request: "GET /echo HTTP/1.0")["SERVER_PROTOCOL"]
  end
end

# `--underscore-headers allow`: such names reach the app, but never over the dash name.
class UnderscoreHeadersAllowedTest < HyperionTest::AttackCase
  serve "probe.ru", "-t", "1", "--underscore-headers", "allow"

  def env_of(*lines)
    client = connect
    client.write(head(*lines, request: "POST /echo HTTP/1.1") + "hello")
    client.response.json["env"]
  end

  def test_W16_B1_underscore_names_pass
    assert_equal "mine", env_of("X_Mine: mine", "Content-Length: 5")["HTTP_X_MINE"]
  end

  def test_B1_the_dash_name_wins_in_both_orders
    [%w[X-Forwarded-For X_Forwarded_For], %w[X_Forwarded_For X-Forwarded-For]].each do |names|
      env = env_of(*names.map { |name| "#{name}: #{name.include?("_") ? "evil" : "good"}" }, "Content-Length: 5")
      assert_equal "good", env["HTTP_X_FORWARDED_FOR"]
    end
  end

  def test_B1_framing_is_never_that_of_an_underscore_name
    env = env_of("Content_Length: 70", "Transfer_Encoding: chunked", "Content-Length: 5")
    assert_equal "5", env["CONTENT_LENGTH"]
    refute_equal "70", env["HTTP_CONTENT_LENGTH"]
  end

  def test_B2_a_removed_name_is_removed_in_this_form_too
    assert_empty env_of("X_Sendfile_Type: x", "X_Accel_Mapping: x", "X_Accel_Redirect: x", "Content-Length: 5")
      .slice("HTTP_X_SENDFILE_TYPE", "HTTP_X_ACCEL_MAPPING", "HTTP_X_ACCEL_REDIRECT")
  end
end
