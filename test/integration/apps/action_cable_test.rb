# frozen_string_literal: true

require_relative "../tls/tls_case"

# Rails' own Action Cable, on plain and on TLS addresses.
class ActionCableTest < HyperionTest::TlsCase
  CHAT = "test/integration/apps/cable/config.ru"
  serve CHAT, *LOCAL.flags, "-t", "3", env: { "RAILS_ENV" => "production" }

  CLIENTS = 10

  def setup
    super
    need_rails
    require_relative "cable_client"
  end

  def test_a_broadcast_over_tls_reaches_all = assert_heard("wss") { secure_client }

  def test_a_broadcast_reaches_all
    plain = boot(CHAT, "-t", "3", env: { "RAILS_ENV" => "production" })
    assert_heard("ws", plain) { connect(plain) }
  end

  private

  def assert_heard(scheme, to = server)
    clients = Array.new(CLIENTS) { HyperionTest::CableClient.new(yield, "#{scheme}://localhost:#{to.port}/cable") }
    clients.each(&:subscribe)
    [1, 1000, 300_000].each do |length|
      clients.first.speak("x" * length)
      clients.each { |client| assert_equal length, client.hear.length }
    end
  end
end
