# frozen_string_literal: true

require_relative "http2_case"

# What requests and responses look like, to the app and to the client.
class Http2MessagesTest < HyperionTest::Http2Case
  # What differs between connections, and between protocols by their rules.
  OWN = %w[REMOTE_PORT SERVER_PROTOCOL HTTP_VERSION SERVER_PORT HTTP_HOST SERVER_NAME rack.url_scheme HTTPS].freeze

  def test_env_is_that_of_http1
    headers = { "user-agent" => "test", "cookie" => "a=b; c=d", "x-two" => %w[1 2], "accept" => "*/*" }
    first = get("/env?a=b%20c", **headers).json
    [false, true].each do |secure|
      env = h2(secure: secure).get("/env?a=b%20c", headers).json
      assert_equal first.except(*OWN), env.except(*OWN)
    end
  end

  def test_env_tells_the_protocol_and_the_peer
    client = h2
    env = client.get("/env").json
    assert_equal ["HTTP/2", "http", nil, "127.0.0.1"], env.values_at("SERVER_PROTOCOL", "rack.url_scheme", "HTTPS", "REMOTE_ADDR")
    assert_equal [client.authority, "127.0.0.1", server.port.to_s], env.values_at("HTTP_HOST", "SERVER_NAME", "SERVER_PORT")
    secure = h2(secure: true)
    env = secure.get("/env").json
    assert_equal ["HTTP/2", "https", "on", "127.0.0.1"], env.values_at("SERVER_PROTOCOL", "rack.url_scheme", "HTTPS", "REMOTE_ADDR")
    assert_equal [secure.authority, "localhost", secure_port.to_s], env.values_at("HTTP_HOST", "SERVER_NAME", "SERVER_PORT")
  end

  def test_no_pseudo_header_or_header_of_the_connection_is_in_env
    env = h2.get("/env", "te" => "trailers").json
    assert_equal "trailers", env["HTTP_TE"]
    assert_empty(env.keys.grep(/\AHTTP_(?::|CONNECTION|TRANSFER_ENCODING|UPGRADE|KEEP_ALIVE|METHOD|PATH|SCHEME|AUTHORITY)/))
  end

  def test_W22_cookie_crumbs_are_joined
    assert_equal "a=b; c=d; e=f", h2.get("/env", "cookie" => ["a=b", "c=d", "e=f"]).json["HTTP_COOKIE"]
  end

  def test_other_repeated_headers_are_joined_with_commas
    assert_equal "1, 2".split(/, ?/), h2.get("/env", "x-two" => %w[1 2]).json["HTTP_X_TWO"].split(/, ?/)
  end

  def test_host_stands_for_a_missing_authority
    client = h2
    stream = client.start([[":method", "GET"], [":scheme", "http"], [":path", "/env"], %w[host other.example]])
    assert_equal "other.example", client.response(stream).json["HTTP_HOST"]
  end

  def test_every_method_arrives
    client = h2
    %w[GET POST PUT PATCH DELETE OPTIONS PROPFIND].each do |method|
      assert_equal method, client.fetch(method, "/env").json["REQUEST_METHOD"]
    end
    assert_equal "*", client.fetch("OPTIONS", "*").then { |response| response.status == 404 ? "*" : response.status }
  end

  def test_W22b_date_is_there_once
    client = h2
    %w[/ignore /native /404 /204 /raise].each { |path| assert_match(/\A\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\z/, client.get(path)["date"], path) }
  end

  def test_W22b_headers_of_the_connection_do_not_leave
    response = h2.get("/hop")
    assert_equal [200, "hop", "yes"], [response.status, response.body, response["x-kept"]]
    assert_empty response.headers.map(&:first) & %w[connection keep-alive proxy-connection transfer-encoding upgrade]
  end

  def test_W5_each_cookie_has_a_line
    assert_equal ["a=1; path=/", "b=2"], h2.get("/cookies").values("set-cookie")
  end

  def test_head_204_and_304_have_no_body
    client = h2
    length = client.get("/pattern?1000")["content-length"]
    head = client.fetch("HEAD", "/pattern?1000")
    assert_equal [200, "", length], [head.status, head.body, head["content-length"]]
    [204, 304].each do |status|
      response = client.get("/#{status}")
      assert_equal [status, "", true], [response.status, response.body, response.ended]
    end
    assert_equal [200, "", true], client.fetch("HEAD", "/pieces?3").then { |response| [response.status, response.body, response.ended] }
  end

  def test_early_hints_come_first
    response = h2.get("/hints")
    assert_equal [[[":status", "103"], ["link", "</a.css>; rel=preload"]]], response.informational
    assert_equal [200, "hinted"], [response.status, response.body]
  end

  def test_trailers_of_a_response_are_filtered_and_fan_out
    [h2, h2(secure: true)].each do |client|
      response = client.get("/trailers")
      assert_equal ["onetwo", [%w[x-sum 6], %w[x-list a], %w[x-list b]]], [response.body, response.trailers]
      assert_equal [%w[x-sum 0]], client.get("/trailers-only").trailers
    end
  end

  def test_a_body_whose_trailers_are_no_good_is_whole
    client = h2
    %w[nil empty odd raise].each do |kind|
      response = client.get("/trailers-#{kind}")
      assert_equal [200, "body", nil, true, nil], [response.status, response.body, response.trailers, response.ended, response.reset], kind
    end
    server.wait_for_log(/secret of the trailers/)
  end

  def test_a_trailer_that_cannot_be_sent_costs_no_other
    response = h2.get("/trailers-some")
    assert_equal ["body", [%w[x-sum 6]]], [response.body, response.trailers]
    server.wait_for_log(/a trailer is left out.*x-bad/)
  end

  def test_a_streaming_body_may_have_trailers
    response = h2.get("/trailers-call")
    assert_equal ["body", [%w[x-sum 6]], true], [response.body, response.trailers, response.ended]
  end

  def test_a_body_with_trailers_is_not_sent_as_a_file
    response = h2.get("/trailers-path")
    assert_equal ["body", [%w[x-sum 6]]], [response.body, response.trailers]
  end

  def test_trailers_of_a_request_end_its_body
    client = h2
    stream = client.request("POST", "/digest", { "trailer" => "x-sum" }, end: false)
    client.data(stream, "body")
    client.trailers(stream, "x-sum" => "6")
    assert_equal 4, client.response(stream).json["size"]
  end

  def test_expect_is_answered_when_the_body_is_read
    client = h2
    stream = client.request("POST", "/digest", { "expect" => "100-continue", "content-length" => "4" }, end: false)
    client.await("InformationalResponseReceived")
    client.data(stream, "body", end: true)
    response = client.response(stream)
    assert_equal [[[":status", "100"]], 4], [response.informational.flatten(1), response.json["size"]]
  end

  def test_faults_of_the_app
    client = h2
    assert_equal 500, client.get("/raise").status
    broken = client.get("/broken")
    assert_equal [2, false], [broken.reset, broken.ended], "what has not left may be lost, but is not taken for whole"
    short = client.get("/short")
    assert short.reset || short.status == 500, "a body that is too short came as if it were whole"
    assert_equal "ignored", client.get("/ignore").body, "the connection goes on"
  end

  def test_there_is_no_hijack
    assert_equal [false, false], h2.get("/hijack").json
  end

  def test_response_finished_is_called
    client = h2
    client.get("/finished")
    await_note(client, "finished 200 NilClass")
  end

  def test_blocks_routes_and_files
    Dir.mktmpdir do |folder|
      File.binwrite("#{folder}/big.txt", "0123456789" * 300_000)
      booted = boot_h2(APP, env: { "FILES" => folder })
      [h2(booted, window: 8_000_000), h2(booted, secure: true)].each do |client|
        assert_equal ["by the engine\n", "yes"], client.get("/native").then { |response| [response.body, response["x-native"]] }
        assert_equal ["", "14"], client.fetch("HEAD", "/native").then { |response| [response.body, response["content-length"]] }
        assert_equal "HTTP/2", client.get("/block").body
        assert_equal "0123456789" * 300_000, client.get("/files/big.txt").body
        part = client.get("/files/big.txt", "range" => "bytes=5-14")
        assert_equal [206, "5678901234"], [part.status, part.body]
        assert_equal 304, client.get("/files/big.txt", "if-none-match" => client.fetch("HEAD", "/files/big.txt")["etag"]).status
      end
    end
  end
end
