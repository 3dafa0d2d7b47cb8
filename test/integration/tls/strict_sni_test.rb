# frozen_string_literal: true

require_relative "tls_case"
require_relative "../http2/h2_client"

# With strict names a connection is for the names of its certificate, and for no others.
class StrictSniTest < HyperionTest::TlsCase
  SECOND = CA.issue("second.test", "*.wild.test", "10.0.0.1")
  CERTIFICATES = [*LOCAL.flags, *SECOND.flags].freeze
  # Which hosts a connection for localhost is not for, and for which it is.
  OTHERS = %w[other.test second.test 127.0.0.2 [::1]:443 localhost.test].freeze
  OWN = %w[localhost LOCALHOST:1 127.0.0.1 127.0.0.1:8443].freeze

  serve PROBE, *CERTIFICATES, "--tls-strict-sni", "--admin-token", TOKEN

  def test_D13_a_request_for_another_host_is_misdirected_and_the_connection_stays
    client = secure_client
    assert_rejects("misdirected_request", OTHERS.size) do
      OTHERS.each do |host|
        response = client.get("/outside", "host" => host)
        assert_equal [421, false, "The certificate of this connection is not for this host\n"], [response.status, response.close?, response.body], host
      end
    end
    OWN.each { |host| assert_equal "GET /a", client.get("/a", "host" => host).body, host }
    server.wait_for_log(%r{"path":"/outside".*"status":421.*"remote_addr":"127\.0\.0\.1"})
  end

  def test_D13_over_http_2_only_the_stream_is_misdirected
    client = h2
    assert_rejects("misdirected_request", OTHERS.size) do
      OTHERS.each { |host| assert_equal 421, client.get("/a", { ":authority" => host }).status, host }
    end
    OWN.each { |host| assert_equal "GET /a", client.get("/a", { ":authority" => host }).body, host }
  end

  def test_D13_curl_is_told_over_each_protocol
    %w[--http1.1 --http2].zip(%w[1.1 2]).each do |flag, version|
      assert_equal "GET /a 200 #{version}", curl(flag, "localhost")
      assert_match(/ 421 #{version}\z/, curl(flag, "localhost", "-H", "Host: second.test"))
      %w[second.test a.wild.test].each { |host| assert_equal "GET /a 200 #{version}", curl(flag, host), host }
    end
  end

  def test_D13_a_body_is_read_and_thrown_away
    client = secure_client
    response = client.post("/echo", "hello", "host" => "other.test")
    assert_equal [421, false], [response.status, response.close?]
    assert_equal "GET /a", client.get("/a", "host" => "localhost").body
    client = h2
    stream = client.request("POST", "/echo", { ":authority" => "other.test" }, end: false)
    assert_equal 421, client.response(stream).status, "it is answered before its body"
    assert_equal "GET /a", client.get("/a").body
  end

  def test_D13_neither_routes_nor_the_app_are_asked
    asked = boot(file("config.ru", <<~'RUBY'), *CERTIFICATES, "--tls-strict-sni")
      Hyperion::Server.handle_static(:GET, "/native", "by the engine")
      run ->(env) { warn("asked for #{env["PATH_INFO"]}") || [200, {}, ["by the app"]] }
    RUBY
    client = secure_client(to: asked)
    %w[/native /app].each { |path| assert_equal 421, client.get(path, "host" => "other.test").status }
    assert_equal ["by the engine", "by the app"], %w[/native /other].map { |path| client.get(path, "host" => "localhost").body }
    asked.wait_for_log(/asked for/)
    assert_equal ["/other"], asked.log.scan(/asked for (\S+)/).flatten
    assert_equal 200, client.get("/-/health", "host" => "10.0.0.7").status, "health checks go by address"
  end

  def test_D13_a_request_for_nobody
    assert_equal 421, secure_client.write("GET /a HTTP/1.0\r\n\r\n").response.status
  end

  def test_D13_a_name_that_no_certificate_has_is_refused
    %i[TLS1_2 TLS1_3].each do |version|
      assert_rejects("tls_handshake_failed") do
        error = assert_raises(OpenSSL::SSL::SSLError) { secure(tcp, name: "unknown.test", version: version) }
        assert_match(/unrecognized name/, error.message)
      end
      { "localhost" => LOCAL, "a.wild.test" => SECOND, nil => LOCAL }.each do |name, expected|
        assert_equal expected.cert.to_der, secure(tcp, name: name, version: version).peer_cert.to_der, "#{name} by #{version}"
      end
    end
  end

  def test_D13_without_a_name_it_is_the_first_certificate_that_counts
    client = secure_client(name: nil)
    assert_equal [200, 421], %w[127.0.0.1 second.test].map { |host| client.get("/a", "host" => host).status }
  end

  def test_D13_each_request_is_served_where_names_are_not_strict
    plain = boot(PROBE, *CERTIFICATES, "--admin-token", TOKEN)
    client = secure_client(to: plain, name: "unknown.test")
    assert_rejects("misdirected_request", 0, to: plain) do
      OTHERS.each { |host| assert_equal "GET /a", client.get("/a", "host" => host).body, host }
      assert_equal "GET /a", h2(plain).get("/a", { ":authority" => "other.test" }).body
    end
  end

  private

  def h2(to = server)
    skip "python3-h2 is not installed" unless HyperionTest::H2Client.available?
    HyperionTest::H2Client.new("127.0.0.1", to.port, ca: CA.root_path).tap { |client| ending { client.close } }
  end

  # One request for a host that is found here; its body, its status and its version.
  def curl(flag, host, *options)
    out, status = run_program("curl", "-sS", flag, "--cacert", CA.root_path, "--connect-to", "#{host}:443:127.0.0.1:#{server.port}",
                              "-w", " %{http_code} %{http_version}", *options, "https://#{host}/a")
    assert status.success?, out
    out
  end
end
