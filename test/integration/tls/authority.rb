# frozen_string_literal: true

require "fileutils"
require "openssl"
require "tmpdir"

module HyperionTest
  # Signs certificates for tests, and writes them: a root, an intermediate that nobody trusts by itself,
  # and what they sign.
  class Authority
    # The files of a certificate and its key; the certificate stands first in `chain`.
    Issued = Struct.new(:cert_path, :key_path, :chain, :key) do
      def flags = ["--tls-cert", cert_path, "--tls-key", key_path]
      def cert = chain.first
    end

    KEYS = { ecdsa: -> { OpenSSL::PKey::EC.generate("prime256v1") }, rsa: -> { OpenSSL::PKey::RSA.new(2048) },
             p384: -> { OpenSSL::PKey::EC.generate("secp384r1") }, ed25519: -> { OpenSSL::PKey.generate_key("ed25519") } }.freeze
    DAY_S = 24 * 3600

    # For all tests of a process; removed with it.
    def self.shared
      @shared ||= new(Dir.mktmpdir("hyperion-tls")).tap { |made| Minitest.after_run { FileUtils.remove_entry(made.dir) } }
    end

    attr_reader :dir

    def initialize(dir, name: "Root")
      @dir = dir
      @serial = rand(1..1_000_000_000)
      @issued = {}
      @root_key = KEYS[:ecdsa].call
      @root = sign(certificate("/CN=#{name}", @root_key, authority: true), nil)
      @middle_key = KEYS[:ecdsa].call
      @middle = sign(certificate("/CN=#{name} intermediate", @middle_key, authority: true), @root, @root_key)
      write("#{name}-root.pem", @root.to_pem).then { |path| @root_path = path }
    end

    # What clients trust.
    attr_reader :root_path

    def store = OpenSSL::X509::Store.new.tap { |store| store.add_cert(@root) }

    # A certificate for these names, signed by the intermediate, which follows it. One that was issued
    # before under the same file name and with the same wishes is given again.
    # @param subject [String, nil] such as /CN=alice; the first name, else
    # @param days [Numeric] until it expires
    def issue(*names, kind: :ecdsa, file: names.first, subject: nil, days: 90, client: false)
      @issued[[file, names, kind, subject, days]] ||= begin
        key = KEYS.fetch(kind).call
        made = certificate(subject || "/CN=#{names.first}", key, names: names, days: days, usage: client ? "clientAuth" : "serverAuth")
        write_pair(file, [sign(made, @middle, @middle_key), @middle], key)
      end
    end

    # Writes a chain and its key, so that whoever reads sees the former ones or the new ones of each file.
    # @param cipher [String, nil] protects the key with a passphrase
    def write_pair(file, chain, key, cipher: nil)
      key_pem = cipher ? key.private_to_pem(OpenSSL::Cipher.new(cipher), "secret") : key.private_to_pem
      Issued.new(write("#{file}.pem", chain.map(&:to_pem).join), write("#{file}.key", key_pem), chain, key)
    end

    def write(name, text)
      File.join(dir, name).tap do |path|
        File.binwrite("#{path}.new", text)
        File.rename("#{path}.new", path)
      end
    end

    private

    def certificate(subject, key, names: [], authority: false, days: 90, usage: nil)
      OpenSSL::X509::Certificate.new.tap do |made|
        made.version = 2
        made.serial = @serial += 1
        made.subject = OpenSSL::X509::Name.parse(subject)
        made.public_key = key
        made.not_before = Time.now - 30 * DAY_S
        made.not_after = Time.now + days * DAY_S
        extend_with(made, names, authority, usage)
      end
    end

    def extend_with(made, names, authority, usage)
      factory = OpenSSL::X509::ExtensionFactory.new
      add = ->(*words) { made.add_extension(factory.create_extension(*words)) }
      add["basicConstraints", authority ? "CA:TRUE" : "CA:FALSE", true]
      add["keyUsage", authority ? "keyCertSign,cRLSign" : "digitalSignature", true]
      add["extendedKeyUsage", usage] if usage
      listed = names.map { |name| name.match?(/\A[\d.]+\z|:/) ? "IP:#{name}" : "DNS:#{name}" }
      add["subjectAltName", listed.join(",")] unless listed.empty?
    end

    # Strict clients ask for both key identifiers (RFC 5280, section 4.2.1).
    def sign(made, issuer, key = @root_key)
      made.issuer = issuer ? issuer.subject : made.subject
      factory = OpenSSL::X509::ExtensionFactory.new(issuer || made, made)
      made.add_extension(factory.create_extension("subjectKeyIdentifier", "hash"))
      made.add_extension(factory.create_extension("authorityKeyIdentifier", "keyid:always"))
      made.sign(key, "SHA256")
    end
  end
end
