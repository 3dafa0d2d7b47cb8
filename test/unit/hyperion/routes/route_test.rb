# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/routes/route"

class RouteTest < UnitCase
  def test_a_static_response_as_the_engine_gets_it
    native = static(:get, "/a%20b", "hé", status: 201, headers: { "X-One" => "1", two: [2, :zwei] }).native
    assert_equal({ kind: :static, number: 7, place: "here:1", method: "GET", path: "/a%20b", status: 201, body: "hé".b,
                   headers: [%w[content-type text/plain], %w[x-one 1], %w[two 2], %w[two zwei]] }, native)
  end

  def test_the_content_type_is_what_the_headers_say
    assert_equal [%w[content-type text/html]], static(headers: { "Content-Type" => "text/html" }).native[:headers]
    assert_equal [%w[content-type a/b]], static(content_type: "a/b").native[:headers]
    assert_empty static(content_type: nil).native[:headers]
    assert_empty static(status: 204).native[:headers]
  end

  def test_a_route_does_not_change_with_what_it_was_made_of
    path, body, value = +"/a", +"b", +"c"
    route = static(:get, path, body, headers: { "x" => value })
    [path, body, value].each { |text| text << "!" }
    assert_equal ["/a", "b", %w[x c]], [route.path, route.native[:body], route.native[:headers].last]
    assert_predicate route, :frozen?
  end

  def test_methods_in_any_case
    methods = Hyperion::Route::METHODS.flat_map { |name| [name, name.downcase, name.to_sym, name.capitalize.to_sym] }
    assert_equal Hyperion::Route::METHODS, methods.map { |method| static(method).method }.uniq
    [:FETCH, "", nil, 5, :CONNECT, "GET ", Object].each { |method| assert_refused(/#{Regexp.escape(method.inspect)} is not a method.* GET/) { static(method) } }
  end

  def test_paths
    ["/", "/a/b", "/a%C3%A9", "/a;b=c:@!$&'()*+,~-._"].each { |path| assert_equal path, static(:get, path).path }
    assert_refused(/path: :a is not a String/) { static(:get, :a) }
    assert_refused(/path: nil is not a String/) { static(:get, nil) }
    assert_refused(/does not begin with/) { static(:get, "a") }
    assert_refused(/does not begin with/) { static(:get, "") }
    ["/a?b", "/a#b"].each { |path| assert_refused(/query or fragment/) { static(:get, path) } }
    ["/a b", "/é", "/a\n", "/a\0", "/\x7f", "/\xff"].each { |path| assert_refused(/escape it/) { static(:get, path) } }
  end

  def test_statuses
    [200, 404, 999].each { |status| assert_equal status, static(status: status).native[:status] }
    [199, 100, 1000, "200", nil, 200.0].each { |status| assert_refused(/status: #{Regexp.escape(status.inspect)} is not/) { static(status: status) } }
  end

  def test_bodies
    [nil, ["a"], 5, :a].each { |body| assert_refused(/body: #{Regexp.escape(body.inspect)} is not a String/) { static(:get, "/", body) } }
    [204, 205, 304].each { |status| assert_refused(/a response with status #{status} has none/) { static(:get, "/", "a", status: status) } }
  end

  def test_headers
    [nil, [], "a"].each { |headers| assert_refused(/headers: .* is not a Hash/) { static(headers: headers) } }
    ["", "a b", "a:", "é", 5, nil].each { |name| assert_refused(/#{Regexp.escape(name.inspect)} is not the name of a header/) { static(headers: { name => "x" }) } }
    [nil, 1.5, Object, ["a", nil], { a: 1 }].each { |value| assert_refused(/the value of x is not a String/) { static(headers: { "x" => value }) } }
    ["a\nb", "a\r", "\0", "\x7f"].each { |value| assert_refused(/the value of x has a control/) { static(headers: { x: value }) } }
    assert_equal [["x", "a\tb"], ["y", "\xff".b]], static(content_type: nil, headers: { x: " a\tb ", y: "\xff" }).native[:headers]
    %w[content-length Date KEEP-ALIVE trailer Transfer-Encoding].each { |name| assert_refused(/the server decides about #{name.downcase}; leave it out/) { static(headers: { name => "5" }) } }
    ["v1", "\"", "\"a\"b\"", "w/\"a\"", %w["a" "b"]].each { |etag| assert_refused(/is not the one etag of a response/) { static(headers: { "ETag" => etag }) } }
    ["\"\"", "\"v1\"", "W/\"v1\"", "\"\xE9\""].each { |etag| assert_includes static(headers: { etag: etag }).native[:headers], ["etag", etag.b] }
    assert_refused(/content_type: 5 is not a String/) { static(content_type: 5) }
    assert_refused(/the value of content-type has a control/) { static(content_type: "a\nb") }
  end

  def test_a_block
    block = ->(_) {}
    route = Hyperion::Route::Block.new(3, :post, "/b", "here:1", block)
    assert_equal({ kind: :block, number: 3, method: "POST", path: "/b", block: block }, route.native)
    assert_equal ["POST /b", "here:1", %w[POST /b]], [route.to_s, route.place, route.key]
    assert_refused(/a block .* is missing/) { Hyperion::Route::Block.new(3, :post, "/b", "here:1", nil) }
  end

  private

  def static(method = :get, path = "/", body = "", status: 200, headers: {}, content_type: "text/plain")
    Hyperion::Route::Static.new(7, method, path, "here:1", body: body, status: status, headers: headers, content_type: content_type)
  end

  def assert_refused(message, &block) = assert_match(message, assert_raises(ArgumentError, &block).message)
end
