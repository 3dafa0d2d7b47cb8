# frozen_string_literal: true

require_relative "process_case"

# A fork that returns into the server, wherever the app has made it: the child ends, and holds nothing.
class ForkedChildrenTest < HyperionTest::ProcessCase
  serve "test/integration/process/apps/forking.ru", "-t", "2", "--early-hints", "on"

  PLACES = %w[call each body_call close to_path to_ary trailers headers status early_hints log_extras response_finished after_reply error_message].freeze

  PLACES.each do |place|
    define_method("test_H6_a_child_forked_in_#{place}_ends") do
      2.times { assert_includes [200, 500], get("/#{place}").status }
      assert_no_child_left
      assert_equal "fine", get("/").body
    end
  end

  def test_H6_children_forked_in_hooks_of_native_routes_end
    hooked = boot("test/integration/process/apps/forking_hooks.ru", "-t", "2")
    2.times { assert_equal "static", get("/static", to: hooked).body }
    2.times { assert_equal "fine", get("/", to: hooked).body }
    eventually("a child is left", timeout: 10) { hooked.pids == [hooked.pid] }
    assert_equal 0, hooked.stop.exitstatus
  end

  def test_H6_the_port_is_free_when_the_server_has_ended
    server = boot("test/integration/process/apps/forking.ru", "--early-hints", "on")
    PLACES.each { |place| get("/#{place}", to: server) }
    port = server.port
    server.stop
    assert_raises(Errno::ECONNREFUSED) { TCPSocket.new("127.0.0.1", port) }
  end

  # What `fork { ... }` runs may use what the server gives.
  def test_H7_a_child_can_log_and_stop
    text = get("/child").body
    assert_equal "stopped, stats {}", text
    server.wait_for_log(/a line of the child/)
  end

  private

  def assert_no_child_left
    eventually("a child is left", timeout: 10) { server.pids == [server.pid] }
  end
end
