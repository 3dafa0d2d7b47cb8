# frozen_string_literal: true

require_relative "../support/unit"
require_relative "../support/fake_engine"
require "net/http"

class ServerTest < UnitCase
  def test_start_port_stop_and_again
    server = serve(->(env) { [200, {}, [env["PATH_INFO"]]] })
    2.times do
      assert_same server, server.start
      server.start
      assert_equal "/a", get(server, "/a")
      assert_equal ["http://127.0.0.1:#{server.port}"], server.urls
      port = server.port
      2.times { assert_nil server.stop }
      assert_raises(Errno::ECONNREFUSED) { TCPSocket.new("127.0.0.1", port) }
      assert_equal [nil, {}], [server.port, server.stats]
    end
  end

  def test_G2_a_thread_that_the_app_kills_is_replaced
    server = serve(->(env) { env["PATH_INFO"] == "/die" ? Thread.exit : [200, {}, ["alive"]] }, threads: 1).start
    3.times { assert_raises(EOFError) { get(server, "/die") } }
    assert_equal "alive", get(server, "/")
  ensure
    server.stop
  end

  def test_options_are_checked
    assert_match(/treads/, problems { serve(->(_) {}, treads: 1) }.first)
    assert_match(/app/, problems { Hyperion::Server.new(app: 5) }.first)
  end

  def test_a_bad_port_leaves_nothing_behind
    taken = serve(->(_) {}).start
    other = serve(->(_) {}, port: taken.port)
    assert_raises(Hyperion::BindError) { other.start }
    assert_nil other.port
    assert_nil other.stop
  ensure
    taken.stop
  end

  private

  def serve(app, port: 0, **options) = Hyperion::Server.new(app: app, port: port, **options)
  def get(server, path) = Net::HTTP.new("127.0.0.1", server.port).tap { |http| http.max_retries = 0 }.get(path).body
end
