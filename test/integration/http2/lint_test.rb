# frozen_string_literal: true

require_relative "http2_case"
require "rack"

# Rack::Lint between a client and the server: a breach of the SPEC is a 500. All protocols answer alike.
class Http2LintTest < HyperionTest::Http2Case
  speak "test/integration/rack/apps/lint.ru", "-t", "3"

  REQUESTS = [
    *%w[/array /length /each /path /none /not-modified /redirect /missing /cookies /errors /hints /finished /anything?a=b].map { |path| ["GET", path] },
    *%w[/array /length /each /none].map { |path| ["HEAD", path] },
    *%w[POST PUT PATCH DELETE OPTIONS].map { |method| [method, "/method"] },
    ["POST", "/echo", "small"], ["POST", "/echo", "line\n" * 60_000], ["POST", "/form", "line\nabcdef\nmore\n"], ["POST", "/echo", ""]
  ].freeze

  # Headers that only one of them has.
  OWN = %w[date connection transfer-encoding keep-alive].freeze

  def test_W6_every_protocol_answers_alike
    plain, secure = h2, h2(secure: true)
    REQUESTS.each do |method, path, body|
      headers = body ? { "content-type" => "text/plain" } : {}
      first = fetch(method, path, body: body, **headers)
      refute_equal 500, first.status, "#{path}: #{server.log[-2000..]}"
      [plain, secure].each { |client| assert_alike first, client.fetch(method, path, headers, body: body), "#{method} #{path}" }
    end
  end

  def test_W6_a_stream
    skip "Rack::Lint of Rack 2 knows no streaming bodies" unless Gem::Version.new(Rack.release) >= Gem::Version.new("3")
    assert_equal "one two", h2.get("/stream").body
  end

  def test_W6_a_partial_hijack_is_not_offered
    assert_equal 500, h2.get("/full").status, "there is no socket to take"
  end

  def test_W6_bodies_that_still_arrive
    booted = boot_h2("test/integration/rack/apps/lint.ru", "-t", "3", "--stream-request-bodies")
    client = h2(booted)
    assert_equal "abc" * 10_000, client.post("/echo", "abc" * 10_000, "content-type" => "text/plain").body, booted.log[-2000..]
    assert_equal "abc", post("/echo", "abc", to: booted, "content-type" => "text/plain").body
  end

  private

  def assert_alike(first, second, message)
    assert_equal [first.status, first.body.b], [second.status, second.body], message
    assert_equal known(first.headers), known(second.headers), message
  end

  def known(headers) = headers.map { |name, value| [name.downcase, value] }.reject { |name, _| OWN.include?(name) }.sort
end
