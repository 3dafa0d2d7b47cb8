# frozen_string_literal: true

require "net/http"
require "openssl"

module Bench
  # A server that answers something else than the others is not compared with them.
  class SmokeTest
    TIMEOUT_S = 5
    SHOWN = 60

    # @param app [Row::App] what is expected
    # @param tls [Boolean] whether it is asked over TLS
    def initialize(app, tls: false)
      @app = app
      @tls = tls
    end

    # Asks twice on one connection, as keep-alive is what the load uses.
    # @raise [Failure]
    def run(port)
      http = Net::HTTP.new(Server::HOST, port)
      http.open_timeout = http.read_timeout = TIMEOUT_S
      http.max_retries = 0
      http.use_ssl = @tls
      # What is measured is made by the bench itself.
      http.verify_mode = OpenSSL::SSL::VERIFY_NONE if @tls
      http.start { 2.times { judge(http.get(@app.target)) } }
    rescue IOError, SystemCallError, Timeout::Error, Net::ProtocolError, Net::HTTPBadResponse,
           OpenSSL::SSL::SSLError => error
      raise Failure, "smoke test: #{error.class}: #{error.message}"
    end

    # @param response [Net::HTTPResponse]
    # @raise [Failure] which says what is wrong
    def judge(response)
      expect("status", "200", response.code)
      expect("body", @app.body, response.body)
      @app.headers.each { |name, value| expect(name, value, response[name]) }
      raise Failure, "smoke test: closes the connection" if response["connection"].to_s.match?(/close/i)
    end

    private

    def expect(what, expected, actual)
      raise Failure, "smoke test: #{what} is #{brief(actual)}, not #{brief(expected)}" if actual != expected
    end

    def brief(value)
      text = value.inspect
      text.length > SHOWN ? "#{text[0, SHOWN]}… of #{value.length} characters" : text
    end
  end
end
