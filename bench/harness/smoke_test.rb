# frozen_string_literal: true

require "net/http"
require "openssl"
require "stringio"

module Bench
  # A server that answers something else than the others is not compared with them.
  class SmokeTest
    TIMEOUT_S = 10

    # Some servers take connections before they serve, and reset those.
    FIRST_CONNECTIONS = 5
    PAUSE_S = 0.2
    SHOWN = 60

    # @param app [Row::App] what is expected
    # @param tls [Boolean] whether it is asked over TLS
    # @param closes [Boolean] whether each response may end its connection
    def initialize(app, tls: false, closes: false)
      @app = app
      @tls = tls
      @closes = closes
    end

    # Asks twice on one connection, as keep-alive is what the load uses.
    # @raise [Failure]
    def run(port)
      attempts ||= 0
      answered = false
      http = Net::HTTP.new(Server::HOST, port)
      http.open_timeout = http.read_timeout = TIMEOUT_S
      http.max_retries = 0
      http.use_ssl = @tls
      # What is measured is made by the bench itself.
      http.verify_mode = OpenSSL::SSL::VERIFY_NONE if @tls
      http.start { 2.times { judge(http.request(request).tap { answered = true }) } }
    rescue Errno::ECONNRESET, EOFError => error
      raise failure(error) if answered || (attempts += 1) == FIRST_CONNECTIONS

      sleep(PAUSE_S)
      retry
    rescue IOError, SystemCallError, Timeout::Error, Net::ProtocolError, Net::HTTPBadResponse,
           OpenSSL::SSL::SSLError => error
      raise failure(error)
    end

    # @param response [Net::HTTPResponse]
    # @raise [Failure] which says what is wrong
    def judge(response)
      expect("status", "200", response.code)
      expect("body", @app.body, response.body)
      @app.headers.each { |name, value| expect(name, value, response[name]) }
      raise Failure, "smoke test: closes the connection" if !@closes && response["connection"].to_s.match?(/close/i)
    end

    private

    def failure(error) = Failure.new("smoke test: #{error.class}: #{error.message}")

    def request
      ask = @app.ask
      kind = Net::HTTP.const_get(ask[:method].capitalize)
      kind.new(@app.target, ask[:headers]).tap { |request| give(request, ask) if ask[:body] }
    end

    def give(request, ask)
      return request.body = ask[:body] unless ask[:chunk]

      request["transfer-encoding"] = "chunked"
      request.body_stream = StringIO.new(ask[:body])
    end

    def expect(what, expected, actual)
      raise Failure, "smoke test: #{what} is #{brief(actual)}, not #{brief(expected)}" if actual != expected
    end

    def brief(value)
      text = value.inspect
      text.length > SHOWN ? "#{text[0, SHOWN]}… of #{value.length} characters" : text
    end
  end
end
