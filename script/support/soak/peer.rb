# frozen_string_literal: true

require "openssl"
require "timeout"

module Soak
  # Where the server is, and who signs for it.
  Place = Struct.new(:port, :secure_port, :root_path, :store, :folder, keyword_init: true)

  # One connection of a visitor, plain or by TLS.
  class Peer
    TIMEOUT_S = 30

    attr_reader :client, :port, :opened_at

    def initialize(place, secure:, receive_buffer: nil)
      @secure = secure
      @opened_at = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      @plain = HyperionTest::RawClient.tcp("127.0.0.1", secure ? place.secure_port : place.port, receive_buffer: receive_buffer, timeout: TIMEOUT_S)
      @port = @plain.socket.local_address.ip_port
      @client = @plain
      @place = place
    end

    def secure? = @secure

    def shake_hands
      context = OpenSSL::SSL::SSLContext.new
      context.set_params(verify_mode: OpenSSL::SSL::VERIFY_PEER, verify_hostname: false, cert_store: @place.store)
      ssl = OpenSSL::SSL::SSLSocket.new(@plain.socket, context)
      ssl.hostname = "localhost"
      Timeout.timeout(TIMEOUT_S, HyperionTest::RawClient::TimedOut) { ssl.connect }
      @client = HyperionTest::RawClient.new(HyperionTest::TlsSocket.new(ssl), timeout: TIMEOUT_S)
    end

    # Whether the server has ended it while it rested, as it may at any time.
    def ended? = !client.silent?(0)

    def close = @plain.close
    def abort = @plain.abort
  end
end
