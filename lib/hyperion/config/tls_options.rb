# frozen_string_literal: true

module Hyperion
  # What the options about TLS mean together, and for each address.
  class TlsOptions
    CERTIFICATE = "give --tls-cert PATH and --tls-key PATH, or --tls-self-signed for development"
    LOOPBACK = %w[localhost 127.0.0.1 ::1].freeze

    # @param settings [Hash{Symbol=>Setting}] of all options
    def initialize(settings)
      @settings = settings
      @binds = value(:bind)
    end

    # @return [Array<String>] what cannot be
    def problems
      [*uneven, *bare_addresses, *unknown_clients, *unguarded]
    end

    # @return [Array<String>] settings without an effect
    def warnings
      return idle(given) unless @binds.any? { |bind| tls?(bind) }
      return [] if @binds.any? { |bind| tls?(bind) && client_auth(bind) != "none" }

      idle(given.grep(:tls_client_ca), "tls_client_auth is none")
    end

    # @param bind [Bind]
    # @return [Hash{Symbol=>Object}, nil] what a Tls for this address is made of; nil for plain text
    def for_address(bind)
      return unless tls?(bind)

      { certificates: pairs(bind), self_signed: names(bind), min_version: value(:tls_min_version).to_s,
        strict_sni: value(:tls_strict_sni), client_auth: client_auth(bind), client_ca: client_ca(bind)&.then { |path| File.expand_path(path) } }
    end

    private

    def value(name) = @settings.fetch(name).value
    def source(name) = @settings.fetch(name).source

    def certificate? = value(:tls_cert) || value(:tls_self_signed)
    def tls?(bind) = bind.scheme == :ssl || (bind.scheme.nil? && certificate?)
    def client_auth(bind) = bind.parameters[:client_auth]&.first || value(:tls_client_auth).to_s
    def client_ca(bind) = bind.parameters[:client_ca]&.first || value(:tls_client_ca)

    # An address with a certificate of its own has no other.
    def pairs(bind)
      certs, keys = bind.parameters.key?(:cert) ? bind.parameters.values_at(:cert, :key) : [value(:tls_cert).to_a, value(:tls_key).to_a]
      certs.zip(keys).map { |cert, key| { cert: File.expand_path(cert), key: File.expand_path(key) } }
    end

    # The zone of an address is nobody else's business.
    def names(bind)
      [*LOOPBACK, bind.host.sub(/%.*/, "")].uniq if value(:tls_self_signed) && !bind.parameters.key?(:cert)
    end

    def uneven
      certs, keys = %i[tls_cert tls_key].map { |name| value(name).to_a.size }
      return if certs == keys

      name = certs > keys ? :tls_cert : :tls_key
      ["#{source(name)}: #{name}: #{certs} tls_cert and #{keys} tls_key do not pair up; give one --tls-key for each --tls-cert, in the same order"]
    end

    def bare_addresses
      return if certificate?

      bare = @binds.select { |bind| bind.scheme == :ssl && !bind.parameters.key?(:cert) }
      bare.map { |bind| "#{source(:bind)}: bind: #{bind.address} needs a certificate; #{CERTIFICATE}" }
    end

    def unknown_clients
      blind = @binds.select { |bind| tls?(bind) && client_auth(bind) != "none" && client_ca(bind).nil? }
      blind.map { |bind| "#{auth_source(bind)}: #{client_auth(bind)} needs --tls-client-ca PATH, the certificates that sign those of clients" }
    end

    def auth_source(bind) = bind.parameters.key?(:client_auth) ? "#{source(:bind)}: client_auth" : "#{source(:tls_client_auth)}: tls_client_auth"

    # Whoever asks for client certificates must not get a server that lets everybody in.
    def unguarded
      return if value(:tls_client_auth) == :none || @binds.any? { |bind| tls?(bind) }

      ["#{source(:tls_client_auth)}: tls_client_auth: no address speaks TLS; #{CERTIFICATE}"]
    end

    # Options about TLS that somebody has set.
    def given
      @settings.select { |name, setting| name.start_with?("tls_") && setting.source != "default" }.keys
    end

    def idle(names, reason = "no address speaks TLS")
      names.map { |name| "#{source(name)}: #{name} has no effect, since #{reason}" }
    end
  end
end
