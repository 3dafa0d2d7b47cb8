# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/bind"

class BindTest < UnitCase
  Bind = Hyperion::Bind

  def test_hosts_and_ports
    { "127.0.0.1" => ["127.0.0.1", nil], "localhost:0" => ["localhost", 0], "tcp://0.0.0.0:80" => ["0.0.0.0", 80],
      "[::]:9292" => ["::", 9292], "[::1]" => ["::1", nil], "tcp://[fe80::1%eth0]:1" => ["fe80::1%eth0", 1],
      "::1" => ["::1", nil], "::" => ["::", nil], "app-1.internal" => ["app-1.internal", nil] }.each do |text, (host, port)|
      bind = Bind.parse(text)
      assert_equal [host, port, false], [bind.host, bind.port, bind.unix?], text
    end
  end

  def test_unix_sockets
    bind = Bind.parse("unix:///run/app.sock?mode=0660")
    assert_equal ["/run/app.sock", 0o660, true], [bind.path, bind.mode, bind.unix?]
    assert_nil Bind.parse("unix:///run/app.sock").mode
    assert_equal File.expand_path("tmp/app.sock"), Bind.parse("unix://tmp/app.sock").path
    assert_equal 0o600, Bind.parse("unix:///a?mode=600").mode
  end

  def test_what_cannot_be
    ["", "a b", "host:", "host:port", "tcp://nowhere:port:x", "tcp://h:70000", "[::1", "ssl://", "ssl://h:x", "[1.2.3.4]", "http://h:1", "tcp://", "unix://",
     "unix://@abstract", "unix:///a?mode=9", "unix:///a?backlog=5", "unix:///#{"x" * 120}", "h:1/path", "a\nb"].each do |text|
      error = assert_raises(Hyperion::Kinds::Invalid, text) { Bind.parse(text) }
      assert_includes error.message, text.inspect
    end
  end

  def test_the_scheme_says_what_is_spoken
    { "ssl://h:1" => :ssl, "tcp://h" => :tcp, "h:1" => nil, "[::1]" => nil, "unix:///a" => :unix }.each do |text, scheme|
      assert_equal [scheme], [Bind.parse(text).scheme], text
    end
  end

  def test_an_address_may_have_certificates_of_its_own
    bind = Bind.parse("ssl://[::1]:443?cert=a.pem&key=b.pem&cert=c%2Cd.pem&key=e&client_ca=f&client_auth=required")
    assert_equal ["::1", 443], [bind.host, bind.port]
    assert_equal({ cert: %w[a.pem c,d.pem], key: %w[b.pem e], client_ca: %w[f], client_auth: %w[required] }, bind.parameters)
    assert_empty Bind.parse("ssl://h:1").parameters
  end

  def test_what_cannot_stand_behind_an_address
    { "cert=a" => /each cert=PATH needs a key=PATH/, "cert=a&key=" => /key= has no value/, "certificate=a" => /certificate= is none of cert=, key=/,
      "client_auth=maybe" => /client_auth=maybe is none of none, optional, required/, "client_ca=a&client_ca=b" => /client_ca= stands there twice/,
      "cert=a%00&key=b" => /cert= has no value/ }.each do |query, wrong|
      assert_match wrong, assert_raises(Hyperion::Kinds::Invalid, query) { Bind.parse("ssl://h:1?#{query}") }.message
    end
  end

  def test_what_is_spoken_is_settled_later
    bare = Bind.parse("h:1")
    assert_equal %w[http://h:1 https://h:1], [bare.with_tls(nil), bare.with_tls({})].map(&:url)
    assert_equal %w[tcp://h:1 ssl://h:1], [bare.with_tls(nil), bare.with_tls({})].map(&:to_s)
    assert_equal({ client_auth: "none" }, Bind.parse("ssl://h:1").with_tls({ client_auth: "none" }).with_default_port(3).tls)
    assert_equal "unix:///a", Bind.parse("unix:///a").with_tls(nil).url
  end

  def test_a_default_port_fills_only_what_is_missing
    assert_equal [3000, 80, nil], %w[h h:80 unix:///a].map { |text| Bind.parse(text).with_default_port(3000).port }
  end

  def test_urls
    assert_equal "http://[::1]:5", Bind.parse("[::1]:5").url
    assert_equal "http://localhost:5", Bind.parse("localhost:0").url(5)
    assert_equal "unix:///run/a", Bind.parse("unix:///run/a?mode=0600").url(nil)
  end

  def test_a_bind_prints_as_it_can_be_typed
    ["tcp://h:1", "tcp://[::1]:1", "tcp://h", "h:1", "ssl://h:1", "ssl://h?cert=a%26b&key=c%2C", "unix:///a?mode=0660", "unix:///a"].each { |text| assert_equal text, Bind.parse(text).to_s }
  end

  def test_a_list_gathers
    list = Bind::List.new
    assert_equal %w[a b:1], list.parse("a, b:1").map(&:to_s)
    assert_equal %w[a c], list.parse(%w[a c]).map(&:to_s)
    assert_raises(Hyperion::Kinds::Invalid) { list.parse(" ,") }
  end
end
