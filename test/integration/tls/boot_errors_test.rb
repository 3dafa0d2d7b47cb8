# frozen_string_literal: true

require_relative "tls_case"

# Certificates that are no good are told at boot, each in a line that names the file and what helps.
class BootErrorsTest < HyperionTest::TlsCase
  OTHER = CA.issue("other.test")
  BROKEN = {
    "there is no such file" => [%w[/nowhere/cert.pem], OTHER.key_path, %r{/nowhere/cert\.pem: No such file}],
    "the key is not there" => [OTHER.cert_path, %w[/nowhere/cert.key], %r{/nowhere/cert\.key: No such file}],
    "a key of another certificate" => [OTHER.cert_path, LOCAL.key_path, /localhost\.key: the private key does not belong to the certificate/],
    "an encrypted key" => [OTHER.cert_path, CA.write_pair("locked", OTHER.chain, OTHER.key, cipher: "aes-256-cbc").key_path, /locked\.key: .*encrypted.*openssl pkey/],
    "nonsense for a certificate" => [CA.write("junk.pem", "junk"), OTHER.key_path, /junk\.pem: no certificate/],
    "nonsense in PEM" => [CA.write("pem.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), OTHER.key_path, /pem\.pem: malformed certificate/],
    "broken PEM" => [CA.write("half.pem", OTHER.cert.to_pem[0, 200]), OTHER.key_path, /half\.pem: /],
    "nonsense for a key" => [OTHER.cert_path, CA.write("junk.key", "junk"), /junk\.key: no private key/],
    "an empty key" => [OTHER.cert_path, CA.write("empty.key", ""), /empty\.key: no private key/],
    "files in the wrong order" => [OTHER.key_path, OTHER.cert_path, /other\.test\.key: no certificate/],
    "a folder" => [CA.dir, OTHER.key_path, /#{CA.dir}: Is a directory/]
  }.freeze

  BROKEN.each do |title, (cert, key, message)|
    define_method("test_#{title.tr(" ", "_")}") do
      [%w[-p 0], %w[-p 0 -w 2], %w[check]].each do |mode|
        said = refuse(*mode, "--tls-cert", [*cert].first, "--tls-key", [*key].first, PROBE_PATH)
        assert_match message, said
        assert_equal 2, told(said).size, said
        refute_match(/\.rb:\d+:in/, said)
      end
    end
  end

  PROBE_PATH = "#{ROOT}/test/apps/probe.ru"

  def test_rsa_keys_of_all_forms_are_read
    rsa = CA.issue("rsa.test", kind: :rsa)
    [rsa.key.to_pem, rsa.key.private_to_pem].each_with_index do |text, i|
      assert_serves boot(PROBE, "--tls-cert", rsa.cert_path, "--tls-key", CA.write("form#{i}.key", text))
    end
    assert_serves boot(PROBE, "--tls-cert", OTHER.cert_path, "--tls-key", CA.write("sec1.key", OTHER.key.to_pem))
  end

  def test_a_key_is_decrypted_as_the_message_says
    locked = CA.write_pair("locked_too", OTHER.chain, OTHER.key, cipher: "aes-256-cbc")
    out, status = run_program("openssl", "pkey", "-in", locked.key_path, "-out", "#{dir}/open.key", "-passin", "pass:secret")
    assert status.success?, out
    assert_serves boot(PROBE, "--tls-cert", locked.cert_path, "--tls-key", "#{dir}/open.key")
  end

  def test_keys_of_other_kinds_are_read
    assert_serves boot(PROBE, *CA.issue("ed25519.test", kind: :ed25519).flags), version: :TLS1_3
    assert_serves boot(PROBE, *CA.issue("p384.test", kind: :p384).flags)
  end

  def test_a_certificate_that_is_not_in_PEM
    der = CA.write("der.pem", OTHER.cert.to_der)
    assert_match(/der\.pem: no certificate in PEM form/, refuse("-p", "0", "--tls-cert", der, "--tls-key", OTHER.key_path, PROBE_PATH))
  end

  def test_a_key_beside_its_certificate_in_one_file
    both = CA.write("both.pem", File.read(OTHER.cert_path) + File.read(OTHER.key_path))
    assert_serves boot(PROBE, "--tls-cert", both, "--tls-key", both)
  end

  def test_client_certificates
    { %w[--tls-client-ca /nowhere/ca.pem] => %r{/nowhere/ca\.pem}, [] => /needs --tls-client-ca/,
      ["--tls-client-ca", CA.write("junk-ca.pem", "junk")] => /no certificate/ }.each do |flags, message|
      assert_match message, refuse("-p", "0", *LOCAL.flags, "--tls-client-auth", "required", *flags, PROBE_PATH)
    end
  end

  def test_what_does_not_go_together
    { %w[--tls-cert a.pem] => /do not pair up; give one --tls-key for each --tls-cert/, %w[-b ssl://127.0.0.1:0] => /needs a certificate; .*--tls-cert.*--tls-key.*--tls-self-signed/,
      %w[--tls-client-auth required --tls-client-ca a.pem] => /no address speaks TLS/, %w[--tls-min-version 1.1] => /"1.1" is not one of 1.2, 1.3/,
      %w[--tls-handshake-timeout 0] => /not a number of seconds/, %w[--tls-handshake-rate-limit 0] => /not unlimited or a whole number/,
      %w[-b ssl://127.0.0.1:0?cert=a] => /each cert=PATH needs a key=PATH/, %w[--h2-max-concurrent-streams 0] => /whole number from 1/,
      %w[--h2-max-total-streams none] => /unbounded/ }.each do |flags, message|
      assert_match message, refuse("-p", "0", *flags, PROBE_PATH), flags.join(" ")
    end
  end

  def test_all_addresses_are_told_at_once
    said = refuse("-b", "ssl://127.0.0.1:0?cert=/nowhere/1.pem&key=a", "-b", "ssl://127.0.0.1:0?cert=/nowhere/2.pem&key=a", PROBE_PATH)
    assert_match(%r{2 reasons:\n.*/nowhere/1\.pem.*\n.*/nowhere/2\.pem}, said)
  end

  def test_options_without_an_effect_are_warned_of
    plain = boot(PROBE, "-b", "tcp://127.0.0.1:0", *LOCAL.flags, bind: false)
    assert_match(/warn.*tls_cert has no effect, since no address speaks TLS/, plain.log)
    assert_match(%r{Listening on http://}, plain.log)
  end

  def test_a_certificate_that_is_about_to_expire
    { 13 => /warn.*the TLS certificate for soon\.test expires at/, -1 => /warn.*has expired at/ }.each do |days, warning|
      issued = CA.issue("soon.test", days: days)
      assert boot(PROBE, *issued.flags).wait_for_log(warning)
      out, = run_hyperion("check", *issued.flags, PROBE_PATH)
      assert_match(/^warning: the TLS certificate for soon\.test/, out)
      assert_match(/^certificates: soon\.test, until \d{4}-/, out)
    end
    late = boot(PROBE, *CA.issue("late.test", days: 15).flags)
    assert_serves late
    late.wait_for_log(/"path":"/)
    refute_match(/"warn"/, late.log)
  end

  def test_a_program_that_embeds_the_server_is_told
    program = file("program.rb", <<~'RUBY')
      require "hyperion"
      begin
        Hyperion::Server.new(app: ->(_) {}, port: 0, tls_cert: "/nowhere/a", tls_key: "/nowhere/b").start
      rescue Hyperion::ConfigurationError => e
        puts e.message
      end
    RUBY
    assert_match(%r{\Assl://127\.0\.0\.1:0: /nowhere/a: No such file}, capture(RbConfig.ruby, "-I#{ROOT}/lib", program).first)
  end

  private

  def told(said) = said.lines.reject { |line| line.match?(/\A\w+ +\S.*(default(?: of the environment \S+)?|flag \S+|variable \S+)$/) }
end
