# frozen_string_literal: true

require_relative "integration"

module HyperionTest
  # A test case whose server remembers what reached Ruby. It has one executor, so that requests reach
  # Ruby in the order in which they were accepted: what `reached` does not show never comes later.
  class AttackCase < IntegrationCase
    serve "probe.ru", "-t", "1", env: { "RACK_ENV" => "production" }

    # Defines a test: these bytes, with another request behind them, are answered with `status` (or one
    # of several) and a close, and nothing of them reaches the app.
    def self.rejects(id, title, status, bytes)
      define_method("test_#{id}_#{title.gsub(/\W+/, "_")}") { assert_rejected(bytes, status) }
    end

    # A request head with a good Host and the given lines, as bytes.
    def self.head(*lines, request: "POST /attacked HTTP/1.1")
      [request, "Host: a", *lines].map { |line| "#{line}\r\n".b }.join + "\r\n"
    end

    def self.chunked(body) = "#{head("Transfer-Encoding: chunked")}".b + body.b

    def head(...) = self.class.head(...)
    def chunked(body) = self.class.chunked(body)

    # "METHOD PATH" of each request that reached Ruby since the last call.
    def reached = get("/seen").json

    def setup
      super
      reached
    end

    def evil = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"

    # @return [HttpResponse] the error response
    def assert_rejected(bytes, status)
      client = connect
      client.write(bytes.b + evil)
      response = assert_refused(client, status)
      assert_empty reached, "a refused request, or what came behind it, reached the app"
      response
    end

    # The next response has this status, says close, and is the last.
    def assert_refused(client, status)
      response = client.response
      assert_includes Array(status), response.status, response.body
      assert response.close?, "the error response does not say close: #{response.headers}"
      assert_ended client, "behind the #{response.status}"
      response
    end

    # Sends the bytes and a last request behind them. The framing is safe when either the connection
    # ends at some point, or the last request is answered last; `/evil` reaches the app in no case.
    # @return [Array<HttpResponse>] the responses before that of the last request
    def assert_in_step(bytes)
      client = connect
      client.write(bytes.b + "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".b)
      responses = responses_of(client)
      refute_includes reached.join("\n"), "evil"
      last = responses.pop if responses.last&.body == "GET /last"
      assert last || responses.last&.close?, "neither was the last request answered, nor a close announced"
      responses
    end

    def responses_of(client)
      responses = []
      loop { responses << client.response }
    rescue RawClient::Ended => e
      assert_empty e.partial, "a broken response"
      responses
    end
  end
end
