# frozen_string_literal: true

require_relative "rack_case"

# What stands in env, as the Rack SPEC of the installed version and CONTRACT.md want it.
class EnvTest < HyperionTest::RackCase
  serve app("env"), "-t", "3", "--early-hints", "on"

  CGI_KEYS = %w[REQUEST_METHOD SCRIPT_NAME PATH_INFO QUERY_STRING SERVER_NAME SERVER_PORT SERVER_PROTOCOL REMOTE_ADDR].freeze
  OPTIONAL_KEYS = %w[REQUEST_URI REQUEST_PATH HTTP_VERSION SERVER_SOFTWARE GATEWAY_INTERFACE REMOTE_PORT].freeze

  def env_of(target, **headers) = unmarshal(get(target, **headers))
  def env_of_raw(bytes, to: server) = unmarshal(connect(to).write(bytes).response)

  def test_every_key_of_a_plain_request
    env = env_of("/some/path?a=1&b=%20", "host" => "shop.example:8080")
    expected = { "REQUEST_METHOD" => "GET", "SCRIPT_NAME" => "", "PATH_INFO" => "/some/path",
                 "QUERY_STRING" => "a=1&b=%20", "SERVER_NAME" => "shop.example", "SERVER_PORT" => "8080",
                 "SERVER_PROTOCOL" => "HTTP/1.1", "REMOTE_ADDR" => "127.0.0.1", "HTTP_HOST" => "shop.example:8080",
                 "rack.url_scheme" => "http" }
    assert_equal expected, env.slice(*expected.keys)
    assert_equal [], env.keys.grep_v(/\./) - CGI_KEYS - OPTIONAL_KEYS - ["HTTP_HOST"], "keys that nobody asked for"
  end

  def test_the_extra_keys_say_nothing_false
    env = env_of("/p%20q?x=1")
    assert_equal "/p%20q?x=1", env.fetch("REQUEST_URI", "/p%20q?x=1")
    assert_equal "HTTP/1.1", env.fetch("HTTP_VERSION", "HTTP/1.1")
    assert_match(/\Ahyperion/i, env.fetch("SERVER_SOFTWARE", "hyperion"))
  end

  def test_values_are_strings_of_bytes
    env = env_of_raw("GET /caf%C3%A9?q=%C3%A9 HTTP/1.1\r\nHost: a\r\nX-Name: caf\xC3\xA9\r\n\r\n".b)
    assert_equal "caf\xC3\xA9".b, env["HTTP_X_NAME"]
    env.each do |key, value|
      next if key.include?(".")

      assert_kind_of String, value, key
      assert value.ascii_only? || value.encoding == Encoding::BINARY, "#{key} is #{value.encoding}"
    end
  end

  def test_path_info_stays_as_it_was_sent
    ["/a%2Fb%20c", "/a//b/../c/./d", "//double", "/%00%0a", "/a;p=1,2", "/%e2%82%ac", "/a%zz"].each do |path|
      assert_equal path, env_of(path)["PATH_INFO"]
    end
  end

  def test_the_query_is_split_at_the_first_question_mark
    assert_equal ["/a", "b?c=d?"], env_of("/a?b?c=d?").values_at("PATH_INFO", "QUERY_STRING")
    assert_equal ["/a", ""], env_of("/a?").values_at("PATH_INFO", "QUERY_STRING")
    assert_equal ["/a", ""], env_of("/a").values_at("PATH_INFO", "QUERY_STRING")
    assert_equal ["/", "x"], env_of("/?x").values_at("PATH_INFO", "QUERY_STRING")
  end

  def test_the_absolute_form_is_taken_apart
    env = env_of_raw("GET http://front.example:81/x/y?z=1 HTTP/1.1\r\nHost: front.example:81\r\n\r\n")
    assert_equal ["/x/y", "z=1", "front.example", "81"], env.values_at("PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT")
  end

  def test_every_method_by_its_own_name
    %w[GET POST PUT PATCH DELETE OPTIONS TRACE PROPFIND MKCALENDAR x-own].each do |method|
      assert_equal method, unmarshal(fetch(method, "/"))["REQUEST_METHOD"]
    end
  end

  def test_server_name_and_port_come_from_host
    { "a.example" => ["a.example", "80"], "a.example:8443" => ["a.example", "8443"], "127.0.0.1:1" => ["127.0.0.1", "1"],
      "[::1]:9292" => ["[::1]", "9292"], "[2001:db8::2]" => ["[2001:db8::2]", "80"] }.each do |host, expected|
      env = env_of("/", "host" => host)
      assert_equal expected, env.values_at("SERVER_NAME", "SERVER_PORT"), host
      assert_equal host, env["HTTP_HOST"]
    end
  end

  def test_without_host_the_listener_gives_the_name
    env = env_of_raw("GET / HTTP/1.0\r\n\r\n")
    assert_equal ["127.0.0.1", server.port.to_s, "HTTP/1.0"], env.values_at("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL")
    refute env.key?("HTTP_HOST")
  end

  def test_headers_become_http_variables
    env = env_of("/", "x-one" => "1", "Accept-Language" => "de, en", "x-empty" => "", "x.dot" => "d")
    assert_equal ["1", "de, en", ""], env.values_at("HTTP_X_ONE", "HTTP_ACCEPT_LANGUAGE", "HTTP_X_EMPTY")
  end

  def test_content_type_and_length_have_no_prefix
    env = unmarshal(post("/", "12345", "content-type" => "text/x-test"))
    assert_equal ["text/x-test", "5"], env.values_at("CONTENT_TYPE", "CONTENT_LENGTH")
    refute env.key?("HTTP_CONTENT_TYPE")
    refute env.key?("HTTP_CONTENT_LENGTH")
  end

  def test_without_a_body_there_is_no_length
    env = env_of("/")
    refute env.key?("CONTENT_TYPE")
    assert_includes [nil, "0"], env["CONTENT_LENGTH"]
  end

  def test_a_header_cannot_pose_as_a_variable_of_the_server
    env = env_of("/", "version" => "HTTP/9.9", "script-name" => "/evil", "rack.input" => "evil", "path-info" => "/evil",
                        "remote-addr" => "6.6.6.6", "x-forwarded-for" => "6.6.6.6", "https" => "on")
    assert_equal ["", "/", "127.0.0.1", "HTTP/1.1", "http"],
      env.values_at("SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "SERVER_PROTOCOL", "rack.url_scheme")
    assert_equal "HTTP/1.1", env.fetch("HTTP_VERSION", "HTTP/1.1")
    refute_equal "evil", env["rack.input"]
    assert_nil env["HTTPS"]
  end

  def test_rack_variables
    env = env_of("/")
    unless RACK3
      assert_kind_of Array, env["rack.version"]
      assert_equal [true, false, false], env.values_at("rack.multithread", "rack.multiprocess", "rack.run_once")
    end
    assert_equal true, env.fetch("rack.multithread", true)
    assert_equal false, env.fetch("rack.multiprocess", false)
    assert_equal false, env.fetch("rack.run_once", false)
    assert_equal true, env["rack.hijack?"]
    refute_nil env["rack.input"]
  end

  def test_objects_in_env_answer_what_they_must
    facts = unmarshal(get("/facts"))
    assert_equal({ frozen: false, default: nil, errors: true, hijack: true, hints: true }, facts.except(:pid))
  end

  def test_one_thread_is_not_multithread
    env = unmarshal(get("/", to: boot(self.class.app("env"), "-t", "1")))
    assert_equal false, env.fetch("rack.multithread", false)
  end

  def test_rack_errors_reaches_the_log
    assert get("/complaint").status
    get("/complain?number-one")
    server.wait_for_log(/complaint number-one/)
    server.wait_for_log(/and more/)
  end

  def test_an_ipv6_listener
    six = boot(self.class.app("env"), "-b", "[::1]", "-p", "0", bind: false)
    env = env_of_raw("GET / HTTP/1.0\r\n\r\n", to: six)
    assert_equal ["[::1]", six.port.to_s, "::1"], env.values_at("SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR")
    assert_equal "::1", unmarshal(get("/", to: six))["REMOTE_ADDR"]
  end

  def test_W12_the_real_peer_in_one_process
    assert_equal "127.0.0.9", remote_addr_from("127.0.0.9", server)
  end

  def test_W12_the_real_peer_in_a_cluster
    cluster = boot(self.class.app("env"), "-w", "2", "-t", "2")
    pids = Array.new(30) do |i|
      assert_equal "127.0.0.#{i + 10}", remote_addr_from("127.0.0.#{i + 10}", cluster)
      unmarshal(get("/facts", to: cluster))[:pid]
    end
    assert_equal 2, pids.uniq.size, "both workers answered"
    env = unmarshal(get("/", to: cluster))
    assert_equal true, env.fetch("rack.multiprocess", true)
  end

  def test_W28_env_is_not_recycled_while_its_body_is_read
    slow = connect.request("GET", "/hold?one", "x-mark" => "first")
    before = read_until(slow, /\h{9,}\n/)[/(\h+)\n/, 1]
    20.times { |i| get("/other/#{i}", "x-mark" => "other #{i}") }
    get("/release?one")
    after = read_until(slow, /\h{9,}\n/)[/(\h+)\n/, 1]
    env = Marshal.load([before].pack("H*"))
    assert_equal ["/hold", "first"], env.values_at("PATH_INFO", "HTTP_X_MARK")
    assert_equal env, Marshal.load([after].pack("H*"))
  end

  def test_W28_nothing_of_an_env_reaches_the_next_request
    client = connect
    6.times { client.get("/pollute", "x-left-over" => "stale", "x-only-here" => "1") }
    6.times do
      env = Marshal.load(client.get("/clean").body)
      assert_equal ["GET", "/clean", nil, nil, nil],
        env.values_at("REQUEST_METHOD", "PATH_INFO", "polluted.key", "HTTP_X_LEFT_OVER", "HTTP_X_ONLY_HERE")
    end
  end

  private

  def remote_addr_from(address, to)
    socket = Socket.tcp(to.host, to.port, address)
    client = HyperionTest::RawClient.new(socket)
    Marshal.load(client.get("/").body)["REMOTE_ADDR"]
  ensure
    client&.close
  end
end
