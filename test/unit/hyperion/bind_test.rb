# frozen_string_literal: true

require_relative "../support/unit"
require "hyperion/bind"

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
    ["", "a b", "host:", "host:port", "tcp://nowhere:port:x", "tcp://h:70000", "[::1", "[1.2.3.4]", "http://h:1", "tcp://", "unix://",
     "unix://@abstract", "unix:///a?mode=9", "unix:///a?backlog=5", "unix:///#{"x" * 120}", "h:1/path", "a\nb"].each do |text|
      error = assert_raises(Hyperion::Kinds::Invalid, text) { Bind.parse(text) }
      assert_includes error.message, text.inspect
    end
  end

  def test_tls_is_refused_plainly
    error = assert_raises(Hyperion::Kinds::Invalid) { Bind.parse("ssl://0.0.0.0:443?cert=a&key=b") }
    assert_match(/not built yet/, error.message)
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
    ["tcp://h:1", "tcp://[::1]:1", "tcp://h", "unix:///a?mode=0660", "unix:///a"].each { |text| assert_equal text, Bind.parse(text).to_s }
  end

  def test_a_list_gathers
    list = Bind::List.new
    assert_equal %w[tcp://a tcp://b:1], list.parse("a, b:1").map(&:to_s)
    assert_equal %w[tcp://a tcp://c], list.parse(%w[a c]).map(&:to_s)
    assert_raises(Hyperion::Kinds::Invalid) { list.parse(" ,") }
  end
end
