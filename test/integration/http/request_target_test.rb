# frozen_string_literal: true

require_relative "../../support/attack_case"

# What becomes of the request target: kept as it came in REQUEST_URI, split but not decoded for Rack.
class RequestTargetTest < HyperionTest::AttackCase
  {
    "two slashes" => ["//host/x", "//host/x", ""], "dots" => ["/a/../b", "/a/../b", ""],
    "encoded dots" => ["/%2e%2e/etc", "/%2e%2e/etc", ""], "encoded NUL" => ["/a%00b", "/a%00b", ""],
    "encoded line end" => ["/a%0d%0aSet-Cookie:x", "/a%0d%0aSet-Cookie:x", ""],
    "overlong UTF-8" => ["/%c0%ae%c0%ae/", "/%c0%ae%c0%ae/", ""], "bad escape" => ["/%zz%", "/%zz%", ""],
    "a query" => ["/a?b=c&d", "/a", "b=c&d"], "two question marks" => ["/a??b?c", "/a", "?b?c"],
    "an empty query" => ["/a?", "/a", ""], "a query of a URL" => ["/a?u=http://b/c", "/a", "u=http://b/c"],
    "a semicolon" => ["/a;p=1?q", "/a;p=1", "q"], "a colon" => ["/a:80/b", "/a:80/b", ""]
  }.each do |title, (target, path, query)|
    define_method("test_B8_#{title.tr(" -", "__")}_is_kept") do
      client = connect
      client.write("GET #{target} HTTP/1.1\r\nHost: a\r\nX-Echo: 1\r\n\r\n")
      env = client.response.json["env"]
      assert_equal [target, path, query], env.values_at("REQUEST_URI", "PATH_INFO", "QUERY_STRING")
      assert_equal "", env["SCRIPT_NAME"]
    end
  end

  rejects "B8", "a blank in the target", 400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "a tab in the target", 400, "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "two blanks before the target", 400, "GET  /a HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "two blanks behind the target", 400, "GET /a  HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "NUL in the target", 400, "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "a control byte in the target", 400, "GET /a\x1bb HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "delete in the target", 400, "GET /a\x7fb HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "a carriage return in the target", 400, "GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "an empty target", 400, "GET  HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "a target without slash", 400, "GET attacked HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "a target of 64 kilobytes", 414, "GET /#{"a" * 65_536} HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "a target over 32 kilobytes", 414, "GET /#{"a" * 32_768} HTTP/1.1\r\nHost: a\r\n\r\n"
  rejects "B8", "a long query", 414, "GET /a?#{"a" * 40_000} HTTP/1.1\r\nHost: a\r\n\r\n"

  def test_B8_a_target_of_32_kilobytes_passes
    path = "/#{"a" * 32_767}"
    assert get(path).body == "GET #{path}", "the target was not kept"
  end

  {
    "a backslash" => "/a\\b", "a fragment" => "/a#b", "upper bytes" => "/\xff\xc0\xae".b, "UTF-8" => "/ü".b,
    "a quote" => "/a\"b", "brackets" => "/a[0]{1}|^`"
  }.each do |title, target|
    define_method("test_B8_#{title.tr(" -", "__")}_is_kept_or_refused") do
      client = connect
      client.write("GET ".b + target.b + " HTTP/1.1\r\nHost: a\r\nX-Echo: 1\r\nConnection: close\r\n\r\n".b)
      response = client.response
      next assert_ended(client) if response.status == 400

      env = response.json["env"]
      assert_equal target.b, env["REQUEST_URI"].encode("ISO-8859-1").b
      assert_equal target.b.split("#").first, env["PATH_INFO"].encode("ISO-8859-1").b
    end
  end
end
