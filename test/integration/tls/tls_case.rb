# frozen_string_literal: true

require_relative "../process/process_case"
require_relative "authority"
require "openssl"
require "support/tls_socket"
require "timeout"

module HyperionTest
  # A test case about TLS, whose server has one certificate, for localhost.
  class TlsCase < ProcessCase
    CA = Authority.shared
    LOCAL = CA.issue("localhost", "127.0.0.1")
    TOKEN = "the-token"
    PROBE = "probe.ru"

    serve PROBE, *LOCAL.flags, "--admin-token", TOKEN

    # A TLS client of RawClient's kind. Verifies the server.
    # @param options [Hash] as of `secure`
    # @return [RawClient]
    def secure_client(to: server, port: to.port, receive_buffer: nil, **options)
      ssl = secure(tcp(port, receive_buffer: receive_buffer), **options)
      RawClient.new(TlsSocket.new(ssl)).tap { |client| ending { client.close } }
    end

    # Shakes hands.
    # @param version [Symbol, nil] :TLS1_2 or :TLS1_3, and no other
    # @param alpn [Array<String>, nil]
    # @param session [OpenSSL::SSL::Session, nil] to resume
    # @param cert [Authority::Issued, nil] of the client
    # @return [OpenSSL::SSL::SSLSocket]
    def secure(socket, name: "localhost", version: nil, alpn: nil, session: nil, cert: nil, context: context(version: version, alpn: alpn, cert: cert))
      ssl = OpenSSL::SSL::SSLSocket.new(socket, context)
      ssl.hostname = name if name
      ssl.session = session if session
      within { ssl.connect }
      ssl
    end

    # @yield [OpenSSL::SSL::SSLContext]
    def context(version: nil, alpn: nil, cert: nil)
      OpenSSL::SSL::SSLContext.new.tap do |context|
        context.set_params(verify_mode: OpenSSL::SSL::VERIFY_PEER, verify_hostname: false, cert_store: CA.store)
        context.min_version = context.max_version = OpenSSL::SSL.const_get("#{version}_VERSION") if version
        context.alpn_protocols = alpn if alpn
        context.add_certificate(cert.cert, cert.key, cert.chain.drop(1)) if cert
        yield context if block_given?
      end
    end

    def tcp(port = server.port, receive_buffer: nil)
      Socket.new(:INET, :STREAM).tap do |socket|
        socket.setsockopt(:SOCKET, :RCVBUF, receive_buffer) if receive_buffer
        socket.setsockopt(:TCP, :NODELAY, true)
        socket.connect(Addrinfo.tcp("127.0.0.1", port))
        ending { socket.close unless socket.closed? }
      end
    end

    # One request over TLS.
    # @return [HttpResponse]
    def secure_get(path, to: server, headers: {}, **options)
      client = secure_client(to: to, **options)
      client.get(path, **headers)
    ensure
      client&.close
    end

    # What the server turned away, by reason.
    def rejections(reason, to: server, secure: true)
      headers = { "x-hyperion-admin-token" => TOKEN }
      page = secure ? secure_get("/-/metrics", to: to, headers: headers) : get("/-/metrics", to: to, **headers)
      assert_equal 200, page.status, page.body
      page.body[/^hyperion_rejections_total\{reason="#{reason}"\} (\d+)$/, 1].to_i
    end

    # The server counts so many more, and no less, within some time.
    def assert_rejects(reason, count = 1, **where)
      before = rejections(reason, **where)
      yield
      eventually("#{reason} is still #{rejections(reason, **where) - before} more") { rejections(reason, **where) == before + count }
    end

    def assert_serves(to = server, **options) = assert_equal("GET /alive", secure_get("/alive", to: to, **options).body)

    # Nothing in these tests waits for ever.
    def within(seconds = RawClient::TIMEOUT_S, &work) = Timeout.timeout(seconds, RawClient::TimedOut, &work)

    # Runs a program to its end, with some input.
    def run_program(*command, input: "")
      out, status = Open3.capture2e(*command.map(&:to_s), stdin_data: input)
      [out, status]
    end
  end
end
