# frozen_string_literal: true

require_relative "tls_case"

# What is agreed upon in a handshake, and with which certificate.
class HandshakeTest < HyperionTest::TlsCase
  # Served behind the default one, found by name.
  SECOND = CA.issue("second.test", "*.wild.test", "10.0.0.1")
  THIRD = CA.issue("rsa.test", kind: :rsa)

  serve PROBE, *LOCAL.flags, *SECOND.flags, *THIRD.flags

  def test_the_full_chain_is_served
    ssl = secure(tcp)
    assert_equal LOCAL.chain.map(&:to_der), ssl.peer_cert_chain.first(2).map(&:to_der)
    assert_equal OpenSSL::X509::V_OK, ssl.verify_result
  end

  def test_W14_a_client_that_knows_only_the_root_verifies
    out, = run_program("openssl", "s_client", "-connect", "localhost:#{server.port}", "-CAfile", CA.root_path, "-verify_return_error",
                       "-servername", "localhost", "-verify_hostname", "localhost", input: "")
    assert_match(/Verify return code: 0 \(ok\)/, out)
  end

  def test_curl_verifies_and_is_answered
    %w[--http1.1 --http2].zip(%w[1.1 2]).each do |flag, version|
      out, status = run_program("curl", "-sS", flag, "--cacert", CA.root_path, "-w", "\n%{http_version}", "https://localhost:#{server.port}/hello")
      assert status.success?, out
      assert_equal ["GET /hello", version], out.lines(chomp: true)
    end
  end

  %i[TLS1_2 TLS1_3].each do |version|
    define_method("test_#{version}") do
      client = secure_client(version: version)
      assert_equal version.to_s.sub("TLS1_", "TLSv1."), client.socket.ssl.ssl_version
      2.times { assert_equal "GET /a", client.get("/a").body }
    end
  end

  def test_older_versions_are_refused
    [[:TLS1, "DEFAULT@SECLEVEL=0"], [:TLS1_1, "DEFAULT@SECLEVEL=0"]].each do |version, ciphers|
      old = context(version: version) { |context| context.ciphers = ciphers }
      assert_raises(OpenSSL::SSL::SSLError, version.to_s) { secure(tcp, context: old) }
    end
  end

  def test_a_minimum_version
    strict = boot(PROBE, *LOCAL.flags, "--tls-min-version", "1.3")
    assert_raises(OpenSSL::SSL::SSLError) { secure(tcp(strict.port), version: :TLS1_2) }
    assert_serves(strict, version: :TLS1_3)
  end

  def test_the_name_that_a_client_asks_for_chooses
    { "localhost" => LOCAL, "second.test" => SECOND, "SECOND.TEST" => SECOND, "a.wild.test" => SECOND, "rsa.test" => THIRD,
      "wild.test" => LOCAL, "a.b.wild.test" => LOCAL, "unknown.test" => LOCAL, nil => LOCAL }.each do |name, expected|
      %i[TLS1_2 TLS1_3].each do |version|
        assert_equal expected.cert.to_der, secure(tcp, name: name, version: version).peer_cert.to_der, "#{name} by #{version}"
      end
    end
  end

  def test_a_certificate_that_the_client_can_use_is_chosen
    rsa_only = context(version: :TLS1_2) { |context| context.ciphers = "ECDHE-RSA-AES128-GCM-SHA256" }
    assert_equal THIRD.cert.to_der, secure(tcp, name: "rsa.test", context: rsa_only).peer_cert.to_der
  end

  def test_W14_each_client_gets_the_first_of_several_kinds_that_it_can_use
    first, second = %i[ecdsa rsa].map { |kind| CA.issue("both.test", kind: kind, file: "both-#{kind}") }
    both = boot(PROBE, *first.flags, *second.flags)
    { "ECDHE-ECDSA-AES128-GCM-SHA256" => first, "ECDHE-RSA-AES128-GCM-SHA256" => second }.each do |cipher, expected|
      picky = context(version: :TLS1_2) do |context|
        context.ciphers = cipher
      end
      assert_equal expected.cert.to_der, secure(tcp(both.port), name: "both.test", context: picky).peer_cert.to_der, cipher
    end
  end

  def test_alpn
    { %w[h2 http/1.1] => "h2", %w[http/1.1 h2] => "h2", %w[http/1.1] => "http/1.1", %w[h2] => "h2",
      %w[http/1.0] => "http/1.0", %w[http/1.0 http/1.1] => "http/1.1", nil => nil }.each do |offered, chosen|
      ssl = secure(tcp, alpn: offered)
      chosen ? assert_equal(chosen, ssl.alpn_protocol, offered.inspect) : assert_nil(ssl.alpn_protocol)
    end
  end

  def test_a_client_that_speaks_neither_is_told_so
    error = assert_raises(OpenSSL::SSL::SSLError) { secure(tcp, alpn: %w[spdy/1]) }
    assert_match(/no application protocol/, error.message)
  end

  def test_what_was_agreed_is_what_is_spoken
    assert_equal 200, secure_client(alpn: %w[http/1.0]).get("/plain").status
    h1_where_h2_was_agreed = secure_client(alpn: %w[h2])
    bytes = h1_where_h2_was_agreed.write("GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n").read_to_end
    refute_match(/HTTP|GET/, bytes)
    goaway = [0, 0, 8, 7, 0].pack("C5")
    assert_includes bytes.b, goaway
    h2_where_h1_was_agreed = secure_client(alpn: %w[http/1.1])
    bytes = h2_where_h1_was_agreed.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0").read_to_end
    assert_match(/\AHTTP\/1\.1 505 /, bytes)
  end

  def test_without_alpn_it_is_http_1
    assert_equal "GET /plain", secure_client.get("/plain").body
  end

  def test_W13_the_app_knows_that_it_is_https
    env = secure_get("/echo").json["env"]
    assert_equal ["https", "on", "HTTP/1.1", "127.0.0.1"], env.values_at("rack.url_scheme", "HTTPS", "SERVER_PROTOCOL", "REMOTE_ADDR")
    refute(env.keys.any? { |name| name.start_with?("SSL_CLIENT") })
    env = secure_client.request("GET", "/echo", "host" => "localhost").response.json["env"]
    assert_equal %w[localhost 443], env.values_at("SERVER_NAME", "SERVER_PORT"), "the port of https where Host names none"
    env = secure_client.request("GET", "/echo", "host" => "localhost:8443").response.json["env"]
    assert_equal "8443", env["SERVER_PORT"]
  end

  def test_plain_and_secure_addresses_of_one_server
    both = boot(PROBE, "-b", "ssl://127.0.0.1:0", "-b", "tcp://127.0.0.1:0", "-b", "unix://#{dir}/sock", *LOCAL.flags, bind: false)
    both.wait_for_log(/Use Ctrl-C/)
    secure, plain, = both.log.scan(%r{Listening on (\w+)://127\.0\.0\.1:(\d+)}).map { |scheme, port| [scheme, Integer(port)] }
    assert_equal %w[https http], [secure[0], plain[0]]
    assert_equal "https", secure_get("/echo", port: secure[1]).json["env"]["rack.url_scheme"]
    [HyperionTest::RawClient.tcp("127.0.0.1", plain[1]), HyperionTest::RawClient.unix("#{dir}/sock")].each do |client|
      env = client.get("/echo").json["env"]
      assert_equal ["http", nil], env.values_at("rack.url_scheme", "HTTPS")
      client.close
    end
  end

  def test_addresses_with_certificates_of_their_own
    own = boot(PROBE, "-b", "ssl://127.0.0.1:0?cert=#{SECOND.cert_path}&key=#{SECOND.key_path}", "-b", "ssl://127.0.0.1:0", *LOCAL.flags, bind: false)
    own.wait_for_log(/Use Ctrl-C/)
    ports = own.log.scan(%r{Listening on https://127\.0\.0\.1:(\d+)}).flatten.map(&:to_i)
    assert_equal [SECOND, LOCAL].map { |one| one.cert.to_der }, ports.map { |port| secure(tcp(port)).peer_cert.to_der }
  end

  def test_a_certificate_for_development
    made = boot(PROBE, "--tls-self-signed", "-w", "2")
    certs = Array.new(6) { secure(tcp(made.port), context: context { |context| context.verify_mode = OpenSSL::SSL::VERIFY_NONE }).peer_cert }
    assert_equal 1, certs.map(&:to_der).uniq.size, "all workers have the same"
    names = certs.first.extensions.find { |extension| extension.oid == "subjectAltName" }.value
    ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"].each { |name| assert_includes names, name }
    File.write("#{dir}/own.pem", certs.first.to_pem)
    out, status = run_program("curl", "-sS", "--cacert", "#{dir}/own.pem", "https://localhost:#{made.port}/hello")
    assert_equal ["GET /hello", true], [out, status.success?]
  end

  def test_the_subjects_are_one_line_and_the_banner_says_https
    assert_match(%r{^Listening on https://127\.0\.0\.1:\d+$}, server.stdout)
    lines = eventually { server.log.lines.grep(/TLS certificates.*\n/).then { |found| found unless found.empty? } }
    assert_equal 1, lines.size
    ["localhost", "second.test", "rsa.test", LOCAL.cert.not_after.utc.year.to_s].each { |part| assert_includes lines.first, part }
    refute_match(/"level":"warn"/, server.log)
  end
end
