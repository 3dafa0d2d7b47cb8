# frozen_string_literal: true

require_relative "../../support/unit"

class TlsOptionsTest < UnitCase
  PAIR = %w[--tls-cert a.pem --tls-key a.key].freeze

  def test_a_bare_address_speaks_tls_where_there_is_a_certificate
    assert_equal %w[http://h:1], urls("-b", "h:1")
    assert_equal %w[https://h:1 https://127.0.0.1:9292], [*urls("-b", "h:1", *PAIR), *urls("--tls-self-signed")]
  end

  def test_an_address_with_a_scheme_never_changes
    binds = %w[-b tcp://h:1 -b ssl://h:2 -b unix:///a -b h:3]
    assert_equal %w[http://h:1 https://h:2 unix:///a https://h:3], urls(*binds, *PAIR)
  end

  def test_what_a_certificate_of_an_address_is_made_of
    tls = configure(*PAIR, "--tls-cert", "/b.pem", "--tls-key", "/b.key", "--tls-min-version", "1.3",
                    "--tls-client-auth", "optional", "--tls-client-ca", "ca.pem").bind.first.tls
    assert_equal [{ cert: "#{dir}/a.pem", key: "#{dir}/a.key" }, { cert: "/b.pem", key: "/b.key" }], tls[:certificates]
    assert_equal [nil, "1.3", "optional", "#{dir}/ca.pem"], tls.values_at(:self_signed, :min_version, :client_auth, :client_ca)
  end

  def test_names_are_taken_strictly_on_demand
    own = "ssl://h:1?cert=/b.pem&key=/b.key"
    strict = { [] => false, %w[--tls-strict-sni] => true, %w[--no-tls-strict-sni] => false }
    strict.each { |words, expected| assert_equal [expected] * 2, configure(*PAIR, *words, "-b", own, "-b", "h:2").bind.map { |bind| bind.tls[:strict_sni] } }
    assert configure(*PAIR, env: { "HYPERION_TLS_STRICT_SNI" => "true" }).tls_strict_sni
    assert_match(/tls_strict_sni has no effect, since no address speaks TLS/, configure("--tls-strict-sni").warnings.first)
  end

  def test_a_certificate_in_memory_names_the_host
    names = configure("--tls-self-signed", "-b", "app.test", "-b", "::1", "-b", "[fe80::1%eth0]:1").bind.map { |bind| bind.tls[:self_signed] }
    assert_equal [%w[localhost 127.0.0.1 ::1 app.test], %w[localhost 127.0.0.1 ::1], %w[localhost 127.0.0.1 ::1 fe80::1]], names
  end

  def test_an_address_may_have_its_own
    own = configure(*PAIR, "--tls-self-signed", "-b", "ssl://h:1?cert=/b.pem&key=/b.key&client_auth=required&client_ca=/ca.pem", "-b", "h:2").bind
    assert_equal [[{ cert: "/b.pem", key: "/b.key" }], nil, "required", "/ca.pem"], own[0].tls.values_at(:certificates, :self_signed, :client_auth, :client_ca)
    assert_equal ["none", nil], own[1].tls.values_at(:client_auth, :client_ca)
  end

  def test_certificates_and_keys_pair_up
    assert_match(/\Aflag --tls-cert: tls_cert: 2 tls_cert and 1 tls_key do not pair up; give one --tls-key for each/, problem(*PAIR, "--tls-cert", "b"))
    assert_match(/\Aflag --tls-key: tls_key: 0 tls_cert and 1 tls_key/, problem("--tls-key", "b"))
  end

  def test_an_address_without_a_certificate
    assert_match(/\Aflag -b: bind: ssl:..h:1 needs a certificate; give --tls-cert PATH and --tls-key PATH, or --tls-self-signed/, problem("-b", "ssl://h:1"))
  end

  def test_clients_are_known_by_somebody
    assert_match(/\Aflag --tls-client-auth: tls_client_auth: required needs --tls-client-ca/, problem(*PAIR, "--tls-client-auth", "required"))
    assert_match(/\Aflag -b: client_auth: optional needs --tls-client-ca/, problem(*PAIR, "-b", "ssl://h?client_auth=optional"))
  end

  def test_whoever_asks_for_client_certificates_gets_no_open_server
    assert_match(/tls_client_auth: no address speaks TLS/, problem("--tls-client-auth", "required", "--tls-client-ca", "ca.pem"))
  end

  def test_what_has_no_effect_is_told
    warnings = configure(*PAIR, "-b", "tcp://h:1").warnings
    assert_equal 2, warnings.size
    assert_match(/\Aflag --tls-cert: tls_cert has no effect, since no address speaks TLS\z/, warnings.first)
    assert_match(/tls_client_ca has no effect, since no address speaks TLS/, configure("--tls-client-ca", "a").warnings.first)
    assert_match(/tls_client_ca has no effect, since tls_client_auth is none/, configure(*PAIR, "--tls-client-ca", "a").warnings.first)
    assert_empty configure(*PAIR).warnings
  end

  def test_the_blocks_of_the_file
    config = configure(file: file("conf.rb", <<~RUBY))
      tls do
        cert "a.pem"
        key "a.key"
        cert "b.pem"
        key "b.key"
        min_version 1.3
        strict_sni true
        handshake_timeout 2.5
        handshake_rate_limit 50
      end
      h2 do
        max_concurrent_streams 10
        max_total_streams :unbounded
      end
      stream_request_bodies
    RUBY
    assert_equal [%w[a.pem b.pem], :"1.3", 2.5, 50], [config.tls_cert, config.tls_min_version, config.tls_handshake_timeout, config.tls_handshake_rate_limit]
    assert config.bind.first.tls[:strict_sni]
    told = config.engine_settings.values_at(:tls_handshake_timeout, :tls_handshake_rate_limit, :h2_max_concurrent_streams, :h2_max_total_streams, :stream_request_bodies)
    assert_equal [2.5, 50, 10, :unbounded, true], told
  end

  def test_the_strongest_source_names_all_certificates
    path = file("conf.rb", "tls do\n  cert 'f'\n  key 'g'\n  client_auth :required\n  client_ca 'file'\nend\n")
    env = { "HYPERION_TLS_CERT" => "v", "HYPERION_TLS_KEY" => "w", "HYPERION_TLS_CLIENT_CA" => "variable" }
    config = configure("--tls-cert", "a", "--tls-key", "b", "--tls-client-auth", "optional", env: env, file: path)
    assert_equal [%w[a], %w[b], :optional, "#{dir}/variable"], [config.tls_cert, config.tls_key, config.tls_client_auth, config.tls_client_ca]
    assert_equal %w[v], configure(env: env, file: path).tls_cert
  end

  def test_variables_name_several
    config = configure(env: { "HYPERION_TLS_CERT" => "a, b", "HYPERION_TLS_KEY" => "c,d" })
    assert_equal [%w[a b], %w[c d]], [config.tls_cert, config.tls_key]
  end

  def test_an_embedded_server_may_speak_it
    assert_equal "https://127.0.0.1:9292", Hyperion::Configuration.for_program({ tls_self_signed: true }).bind.first.url
  end

  private

  def urls(*words) = configure(*words).bind.map(&:url)
  def problem(*words) = problems { configure(*words) }.tap { |all| assert_equal 1, all.size, all }.first
end
