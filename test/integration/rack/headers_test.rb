# frozen_string_literal: true

require_relative "rack_case"

# Response headers of the app: all that Rack allows reaches the client, what breaks HTTP is a 500.
class HeadersTest < HyperionTest::RackCase
  serve app("headers"), "-t", "2", "--early-hints", "on", env: { "RACK_ENV" => "production" }

  COOKIES = ["a=1; path=/", "b=2", "c=3"].freeze
  REFUSED = %w[crlf cr lf-only-name crlf-name nul space-name colon-name empty-name array-crlf utf16 binary-crlf].freeze

  def test_W5_an_array_is_one_line_each
    assert_equal COOKIES, get("/h/array").values("set-cookie")
    assert_equal "alone", get("/h/array-one")["x-one"]
    assert_equal [], get("/h/array-none").values("x-none")
  end

  def test_W5_lines_are_one_header_each
    assert_equal COOKIES, get("/h/lines").values("set-cookie")
  end

  def test_names_in_any_case
    response = get("/h/case")
    assert_equal ["text/plain", "Yes"], [response["content-type"], response["x-mixed-case"]]
  end

  def test_values_pass_unchanged
    { "empty" => ["x-empty", ""], "latin" => ["x-latin", "caf\xe9".b], "utf8" => ["x-utf8", "café".b], "tab" => ["x-tab", "a\tb"],
      "long" => ["x-long", "v" * 30_000], "frozen" => %w[x-frozen fine], "server" => %w[server mine] }.each do |path, (name, value)|
      assert_equal value, get("/h/#{path}")[name], path
    end
  end

  def test_values_that_are_no_strings_never_become_inspections
    %w[symbols object nil].each do |path|
      response = get("/h/#{path}")
      assert_includes [200, 500], response.status, path
      refute_match(/#<|\[|"/, response.headers.map(&:last).join, path)
    end
  end

  def test_many_headers
    response = get("/h/many")
    (1..200).each { |i| assert_equal "value #{i}", response["x-n#{i}"] }
  end

  def test_names_of_rack_stay_inside
    response = get("/h/rack")
    assert_equal [nil, "yes"], [response["rack.private"], response["x-public"]]
  end

  def test_the_date_of_the_app_wins
    assert_equal "Mon, 01 Jan 2001 00:00:00 GMT", get("/h/date")["date"]
    assert_match(/\A\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\z/, get("/h/array")["date"])
  end

  def test_the_app_may_close
    client = connect
    assert client.get("/h/connection-close").close?
    assert_ended client
  end

  def test_W27_a_header_that_breaks_http_is_a_500_and_a_log_line
    REFUSED.each do |path|
      mark = server.log.size
      bytes = connect.request("GET", "/h/#{path}", "connection" => "close").read_to_end
      assert_match(%r{\AHTTP/1\.1 500 }, bytes, path)
      refute_match(/evil/i, bytes, path)
      refute_match(/x-bad|x bad|x:bad/i, bytes, path)
      server.wait_for_log(/header/i, from: mark)
    end
  end

  def test_B3_control_bytes_never_reach_the_wire
    %w[control delete].each do |path|
      bytes = connect.request("GET", "/h/#{path}", "connection" => "close").read_to_end
      refute_match(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/n, bytes, path)
    end
  end

  def test_W27_the_worker_goes_on
    REFUSED.each { |path| get("/h/#{path}") }
    assert_equal COOKIES, get("/h/array").values("set-cookie")
  end

  def test_early_hints_come_first
    response = get("/hints/one")
    assert_equal [200, "hinted"], [response.status, response.body]
    hints = response.informational
    assert_equal [[103, ["</a.css>; rel=preload"]]], hints.map { |hint| [hint.status, hint.values("link")] }
  end

  def test_early_hints_with_several_links
    %w[lines array].each do |path|
      hint, = get("/hints/#{path}").informational
      assert_equal ["</a.css>; rel=preload", "</b.js>; rel=preload"], hint.values("link").flat_map { |value| value.split(/, (?=<)/) }, path
    end
  end

  def test_early_hints_twice
    links = get("/hints/one?twice").informational.flat_map { |hint| hint.values("link") }
    assert_equal ["</a.css>; rel=preload", "</second>; rel=preload"], links
  end

  def test_B3_early_hints_cannot_split_the_response
    bytes = connect.request("GET", "/hints/crlf", "connection" => "close").read_to_end
    refute_match(/^evil/i, bytes)
    assert_match(/^HTTP\/1\.1 [25]00 /, bytes)
  end

  def test_early_hints_behind_the_head_change_nothing
    client = connect
    response = client.get("/late/one")
    assert_equal "ab", response.body
    assert_equal "hinted", client.get("/hints/one").body
  end
end
