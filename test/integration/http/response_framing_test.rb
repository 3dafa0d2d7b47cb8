# frozen_string_literal: true

require_relative "../../support/integration"

# What the app answers, however wrong, leaves the server well framed. RawClient reads strictly: a
# response that is shifted by one byte is malformed to it.
class ResponseFramingTest < HyperionTest::IntegrationCase
  serve "responses.ru", "-t", "2", "--early-hints", "on", env: { "RACK_ENV" => "production" }

  # The response, and on the same connection the one behind it when the connection goes on.
  def assert_keeps_step(method, path)
    client = connect
    client.request(method, path).request("GET", "/plain", "connection" => "close")
    first = client.response(head: method == "HEAD")
    assert_equal "plain", client.response.body unless first.close?
    assert_ended client
    first
  end

  %w[/plain /parts /chunks /empty /length /204 /304].each do |path|
    define_method("test_A18_HEAD_of_#{path[1..]}_has_no_body") { assert_equal :none, assert_keeps_step("HEAD", path).framing }
  end

  %w[/204 /204-length /204-chunks].each do |path|
    define_method("test_W8_#{path[1..].tr("-", "_")}_has_neither_body_nor_length") do
      response = assert_keeps_step("GET", path)
      assert_equal [204, nil, nil], [response.status, response["content-length"], response["transfer-encoding"]]
    end
  end

  %w[/304 /304-length].each do |path|
    define_method("test_W8_#{path[1..].tr("-", "_")}_has_no_body") do
      response = assert_keeps_step("GET", path)
      assert_equal [304, nil], [response.status, response["transfer-encoding"]]
    end
  end

  def test_W8_HEAD_has_the_length_that_GET_has
    client = connect
    assert_equal client.get("/length")["content-length"], client.fetch("HEAD", "/length")["content-length"]
    assert_equal client.get("/plain")["content-length"], client.fetch("HEAD", "/plain")["content-length"]
  end

  def test_an_array_body_has_its_length
    response = assert_keeps_step("GET", "/parts")
    assert_equal ["onetwothree", :length], [response.body, response.framing]
    assert_equal ["", :length, "0"], assert_keeps_step("GET", "/empty").then { |empty| [empty.body, empty.framing, empty["content-length"]] }
  end

  def test_a_body_of_unknown_length_is_chunked
    response = assert_keeps_step("GET", "/chunks")
    assert_equal ["onetwothree", :chunked], [response.body, response.framing]
  end

  %w[/short-length /short-length-chunks].each do |path|
    define_method("test_A19_#{path[1..].tr("-", "_")}_cuts_the_body_and_closes") do
      client = connect
      client.request("GET", path).request("GET", "/plain")
      assert_equal "12345", client.response.body
      assert_ended client
    end
  end

  %w[/long-length /long-length-chunks].each do |path|
    define_method("test_A19_#{path[1..].tr("-", "_")}_ends_early") do
      client = connect
      client.request("GET", path).request("GET", "/plain")
      ended = assert_raises(HyperionTest::RawClient::Ended) { client.response }
      assert_equal "12345", ended.partial
    end
  end

  def test_A19_a_bad_length_is_never_sent
    response = assert_keeps_step("GET", "/bad-length")
    assert_equal 500, response.status unless response.body == "12345"
  end

  def test_A19_own_transfer_encoding_is_replaced_by_ours
    assert_equal "12345", assert_keeps_step("GET", "/own-chunks").body
    assert_equal "12345", assert_keeps_step("GET", "/chunks-and-length").body
  end

  def test_A19_a_body_that_is_not_in_its_transfer_encoding_is_never_sent
    assert_equal 500, assert_keeps_step("GET", "/own-coding").status
  end

  def test_A20_a_body_that_raises_never_ends_cleanly
    client = connect
    client.request("GET", "/broken").request("GET", "/plain")
    ended = assert_raises(HyperionTest::RawClient::Ended) { client.response }
    assert_includes ["first", ""], ended.partial[0, 5]
    refute_includes ended.partial, "secret"
  end

  def test_A20_a_body_that_raises_below_its_length_ends_early
    client = connect
    client.request("GET", "/broken-length").request("GET", "/plain")
    ended = assert_raises(HyperionTest::RawClient::Ended) { client.response }
    assert_includes ["first", ""], ended.partial
  end

  def test_A20_an_app_that_raises_answers_500_without_internals
    log = server.log.size
    response = assert_keeps_step("GET", "/raise")
    assert_equal 500, response.status
    refute_match(/secret|RuntimeError|\.ru/, response.body)
    assert server.wait_for_log(/secret of the app/, from: log)
  end

  def test_date_is_always_there_and_the_own_one_wins
    date = %r{\A(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT\z}
    %w[/plain /204 /304 /chunks /raise].each { |path| assert_match date, get(path)["date"], path }
    assert_in_delta Time.now.to_f, Time.gm(*get("/plain")["date"].split(/[ :]/).values_at(3, 2, 1, 4, 5, 6)).to_f, 3
    assert_equal "Sun, 06 Nov 1994 08:49:37 GMT", get("/own-date")["date"]
    assert_nil get("/plain")["server"]
  end

  def test_W5_each_value_of_an_array_is_a_line
    assert_equal ["a=1; path=/", "b=2"], get("/cookies-array").values("set-cookie")
  end

  def test_W5_each_line_of_a_value_is_a_line
    assert_equal ["a=1; path=/", "b=2"], assert_keeps_step("GET", "/cookies-lines").values("set-cookie")
    assert_equal %w[one two], get("/lines").values("x-lines")
  end

  %w[/value-crlf /value-cr /value-nul /value-array /name-crlf /name-colon /name-blank /name-empty].each do |path|
    define_method("test_B3_W27_#{path[1..].tr("-", "_")}_is_a_500_and_a_log_line") do
      log = server.log.size
      response = assert_keeps_step("GET", path)
      assert_equal 500, response.status
      refute_match(/injected|x-bad/i, response.headers.join(" ") + response.body)
      assert server.wait_for_log(/header/i, from: log)
    end
  end

  %w[/value-utf16 /value-utf16-hidden].each do |path|
    define_method("test_B3_#{path[1..].tr("-", "_")}_never_splits_the_response") do
      response = assert_keeps_step("GET", path)
      assert_includes [200, 500], response.status
      assert_empty response.values("injected")
    end
  end

  def test_B3_good_strings_of_any_kind_pass
    { "/value-frozen" => "frozen value", "/value-binary" => "caf\xE9", "/value-utf8" => "café" }.each do |path, value|
      assert_equal value.b, get(path)["x-good"].b, path
    end
  end

  def test_B3_early_hints_never_split_the_response
    client = connect
    client.request("GET", "/hints", "connection" => "close")
    bytes = client.read_to_end
    refute_match(/^injected/, bytes)
    assert_includes bytes, "hinted"
  end

  [nil, "trailers"].each do |te|
    define_method("test_B3_trailers_never_split_the_response_when_TE_is_#{te || "absent"}") do
      client = connect
      response = client.get("/trailers-hostile", "te" => te)
      assert_equal "body", response.body
      assert_empty response.trailers.map(&:first) & %w[injected content-length x-bad], response.trailers.inspect
      assert_equal "plain", client.get("/plain").body unless response.close?
    end
  end

  def test_trailers_follow_the_last_chunk
    response = connect.get("/trailers", "te" => "trailers", "connection" => "te")
    assert_equal ["onetwo", :chunked], [response.body, response.framing]
    assert_equal [%w[x-list a], %w[x-list b], %w[x-sum 6]], response.trailers.sort
  end

  %w[/trailers-nil /trailers-odd /trailers-raise].each do |path|
    define_method("test_#{path[1..].tr("-", "_")}_leaves_the_response_whole") do
      client = connect
      response = client.get(path, "te" => "trailers")
      assert_equal [200, "body", []], [response.status, response.body, response.trailers]
      assert_equal "plain", client.get("/plain").body
    end
  end

  def test_an_impossible_status_is_a_500
    assert_equal 500, assert_keeps_step("GET", "/status-low").status
  end

  def test_a_status_of_digits_is_taken_as_a_number
    assert_includes [200, 500], assert_keeps_step("GET", "/status-text").status
  end
end
