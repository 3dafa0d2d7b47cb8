# frozen_string_literal: true

require_relative "tls_case"

# Certificates of clients.
class ClientsTest < HyperionTest::TlsCase
  ALICE = CA.issue("alice", subject: "/C=DE/O=Tests, Ltd/CN=alice", client: true)
  LATE = CA.issue("late", days: -1, client: true)
  STRANGER = HyperionTest::Authority.new(CA.dir, name: "Stranger").issue("mallory", client: true)

  serve PROBE, *LOCAL.flags, "--tls-client-auth", "optional", "--tls-client-ca", CA.root_path, "--admin-token", TOKEN

  VERSIONS = %i[TLS1_2 TLS1_3].freeze

  def test_who_shows_none_is_served
    VERSIONS.each { |version| assert_equal [["SSL_CLIENT_VERIFY", "NONE"]], client_env(version: version) }
  end

  def test_the_app_knows_who_shows_one
    VERSIONS.each do |version|
      env = client_env(version: version, cert: ALICE).to_h
      assert_equal %w[SSL_CLIENT_CERT SSL_CLIENT_S_DN SSL_CLIENT_VERIFY], env.keys.sort
      assert_equal ["SUCCESS", 'CN=alice,O=Tests\\, Ltd,C=DE'], env.values_at("SSL_CLIENT_VERIFY", "SSL_CLIENT_S_DN")
      assert_equal ALICE.cert.to_der, OpenSSL::X509::Certificate.new(env["SSL_CLIENT_CERT"]).to_der
    end
  end

  def test_curl_shows_one
    out, status = run_program("curl", "-sS", "--cacert", CA.root_path, "--cert", ALICE.cert_path, "--key", ALICE.key_path, "https://localhost:#{server.port}/echo")
    assert status.success?, out
    assert_equal "SUCCESS", JSON.parse(out).dig("env", "SSL_CLIENT_VERIFY")
  end

  def test_every_request_of_a_connection_has_it
    client = secure_client(cert: ALICE)
    3.times { assert_equal "SUCCESS", client.get("/echo").json["env"]["SSL_CLIENT_VERIFY"] }
  end

  def test_a_resumed_session_still_has_it
    VERSIONS.each do |version|
      session = nil
      remembering = context(version: version, cert: ALICE) do |context|
        context.session_cache_mode = OpenSSL::SSL::SSLContext::SESSION_CACHE_CLIENT
        context.session_new_cb = ->((_, newest)) { session = newest }
      end
      2.times do |turn|
        client = secure_client(context: remembering, session: session)
        assert_equal [turn == 1, "SUCCESS"], [client.socket.ssl.session_reused?, client.get("/echo").json["env"]["SSL_CLIENT_VERIFY"]], version.to_s
        client.close
      end
    end
  end

  def test_no_header_can_pretend
    env = secure_client.get("/echo", "ssl-client-verify" => "SUCCESS", "SSL_CLIENT_S_DN" => "CN=alice").json["env"]
    assert_equal ["NONE", nil, "SUCCESS"], env.values_at("SSL_CLIENT_VERIFY", "SSL_CLIENT_S_DN", "HTTP_SSL_CLIENT_VERIFY")
  end

  def test_certificates_that_are_no_good_are_refused
    { "of another authority" => STRANGER, "expired" => LATE, "for servers only" => LOCAL }.each do |title, cert|
      VERSIONS.each { |version| assert_rejects("tls_handshake_failed") { refused("#{title}, #{version}", version: version, cert: cert) } }
    end
  end

  def test_who_must_show_one
    strict = boot(PROBE, *LOCAL.flags, "--tls-client-auth", "required", "--tls-client-ca", CA.root_path)
    VERSIONS.each do |version|
      refused("none, #{version}", to: strict, version: version)
      refused("a stranger's, #{version}", to: strict, version: version, cert: STRANGER)
      assert_serves(strict, version: version, cert: ALICE)
    end
  end

  def test_one_address_may_ask_and_another_not
    both = boot(PROBE, "-b", "ssl://127.0.0.1:0?client_auth=required&client_ca=#{CA.root_path}", "-b", "ssl://127.0.0.1:0", *LOCAL.flags, bind: false)
    both.wait_for_log(/Use Ctrl-C/)
    guarded, open = both.log.scan(%r{Listening on https://127\.0\.0\.1:(\d+)}).flatten.map(&:to_i)
    refused("none", to: both, port: guarded)
    assert_serves(both, port: guarded, cert: ALICE)
    assert_serves(both, port: open)
  end

  private

  def client_env(**options)
    secure_get("/echo", **options).json["env"].select { |name, _| name.start_with?("SSL_CLIENT") }.to_a
  end

  # By TLS 1.3 a client learns of it when it reads.
  def refused(title, **options)
    assert_raises(OpenSSL::SSL::SSLError, HyperionTest::RawClient::Ended, Errno::ECONNRESET, title) { secure_get("/alive", **options) }
  end
end
