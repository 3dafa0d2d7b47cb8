# frozen_string_literal: true

require_relative "rack_case"
require_relative "hijack_cases"

# Applications that take the socket: whole, or behind the headers.
class HijackTest < HyperionTest::RackCase
  include HyperionTest::HijackCases

  serve app("hijack"), "-t", "3"

  def test_a_partial_hijack_writes_behind_the_headers
    client = connect.request("GET", "/partial?part")
    seen = read_until(client, /partial /)
    assert_match(/\AHTTP\/1.1 200 OK\r\n/, seen)
    refute_match(/rack\.hijack/i, seen)
    refute_includes seen, "hijack"
    get("/open?part")
    assert_match(/hijack/, read_until(client, /hijack/))
  end

  def test_a_partial_hijack_is_framed_for_the_client
    get("/open?frame")
    assert_equal "partial hijack", get("/partial?frame").body
  end

  def test_a_partial_hijack_switches_protocols
    client = connect.request("GET", "/upgrade", "connection" => "upgrade", "upgrade" => "talk")
    seen = read_until(client, /welcome\n/)
    assert_match(%r{\AHTTP/1.1 101 }, seen)
    assert_match(/^upgrade: talk\r$/i, seen)
    refute_match(/transfer-encoding|content-length/i, seen)
    client.write("hello")
    assert_equal "heard hello\n", client.read_to_end
  end

  private

  def dial(to: server) = connect(to)
  def ask(path) = get(path)
  def boot_app(*options) = boot(self.class.app("hijack"), *options)
end
