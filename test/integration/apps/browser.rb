# frozen_string_literal: true

require "json"
require "digest"
require "net/http"
require "support/integration"

module HyperionTest
  # A small browser: Net::HTTP over one kept connection, with a jar for cookies.
  class Browser
    def initialize(server)
      @http = Net::HTTP.start(server.host, server.port, read_timeout: 15)
      @jar = {}
    end

    attr_reader :jar

    def get(path, headers = {}) = send_request(Net::HTTP::Get, path, headers)
    def delete(path) = send_request(Net::HTTP::Delete, path, {})
    def put(path, body) = send_request(Net::HTTP::Put, path, { "content-type" => "text/plain" }, body)

    def post(path, fields)
      send_request(Net::HTTP::Post, path, {}) { |request| request.set_form_data(fields) }
    end

    def upload(path, fields)
      send_request(Net::HTTP::Post, path, {}) { |request| request.set_form(fields, "multipart/form-data") }
    end

    def close = @http.finish

    private

    def send_request(type, path, headers, body = nil)
      request = type.new(path, headers)
      request["cookie"] = @jar.map { |name, value| "#{name}=#{value}" }.join("; ") unless @jar.empty?
      request.body = body if body
      yield request if block_given?
      remember(@http.request(request))
    end

    def remember(response)
      Array(response.get_fields("set-cookie")).each { |line| @jar.store(*line.split(";").first.split("=", 2)) }
      response
    end
  end

  # What every application test shares: a browser per test, and streams read piece by piece.
  class ApplicationCase < IntegrationCase
    UPLOAD = Random.new(11).bytes(3_000_017)

    def browser = @browser ||= Browser.new(server).tap { |made| ending { made.close } }

    # Reads until `pattern` came; raises when it does not come in time.
    def read_until(client, pattern, timeout: 8)
      seen = +"".b
      deadline = monotonic + timeout
      seen << client.read_some(timeout: deadline - monotonic) until pattern.match?(seen)
      seen
    end

    def upload_of(bytes)
      [["title", "A file"], ["file", StringIO.new(bytes), { filename: "data.bin", content_type: "application/x-test" }]]
    end

    def assert_uploaded(path)
      [UPLOAD, "small".b, "".b].each do |bytes|
        response = browser.upload(path, upload_of(bytes))
        assert_equal "200", response.code, response.body[0, 300]
        assert_equal({ "name" => "data.bin", "type" => "application/x-test", "size" => bytes.bytesize,
                       "sha" => Digest::SHA256.hexdigest(bytes), "title" => "A file" }, JSON.parse(response.body))
      end
    end

    # The first piece comes while the app still waits for the request that releases the second.
    def assert_streamed(path, first, second)
      client = connect.request("GET", path)
      refute_match second, read_until(client, first)
      assert_equal 200, get("/release").status
      read_until(client, second)
    end

    def assert_visits_counted
      assert_equal %w[1 2 3], Array.new(3) { browser.get("/visits").body }
      assert_equal "1", Browser.new(server).get("/visits").body, "another browser, another session"
    end
  end
end
