# frozen_string_literal: true

require "support/integration"

# Bodies of requests that wait in files: what they hold, when it is given back, and who waits for the disk.
class SpooledBodiesTest < HyperionTest::IntegrationCase
  serve "test/integration/rack/apps/spooled_bodies.ru", "-t", "3", "--max-body-bytes", "300MiB"

  LARGE = "x" * (2 * 1024 * 1024)

  %w[plain finished reply late].each do |path|
    define_method("test_I6_a_body_is_let_go_when_its_response_has_ended_#{path}") do
      post("/#{path}", LARGE)
      before = server.descriptor_count
      40.times { assert_equal 200, post("/#{path}", LARGE).status }
      eventually("files stay open") { server.descriptor_count <= before + 5 }
    end
  end

  def test_I6_a_body_is_let_go_when_a_stream_that_was_left_open_is_closed
    post("/plain", LARGE)
    before = server.descriptor_count
    clients = Array.new(10) { connect.request("POST", "/left-open", body: LARGE) }
    clients.each { |client| assert_equal 200, client.response_head.status }
    assert_operator server.descriptor_count, :>=, before + 18, "a socket and a file each"
    get("/close")
    eventually("files stay open") { server.descriptor_count <= before + 12 }
    clients.each { |client| assert_includes client.read_some, "begun" }
  end

  def test_callbacks_behind_the_response_may_read_the_body
    post("/finished", "a=#{LARGE}")
    eventually("the callback has not read it") { get("/seen").body == "#{LARGE.bytesize + 2} a=" }
  end

  def test_I6_other_threads_go_on_while_a_large_body_is_read
    body = "y" * (150 * 1024 * 1024)
    text = post("/watched", body, timeout: 60).body
    length, ticks, longest = text.split.map(&:to_f)
    assert_equal body.bytesize, length
    assert_operator ticks, :>, 3, "another thread had no turn"
    assert_operator longest, :<, 0.3, "another thread waited for the disk"
  end

  def test_reads_of_every_kind_give_the_bytes_of_the_body
    lines = Array.new(60_000) { |i| "line #{i} #{"z" * (i % 80)}\n" }
    assert_equal "same same same same", post("/kinds", lines.join).body
  end

  def test_a_thread_that_is_killed_in_a_read_leaves_the_server_well
    assert_equal "killed", post("/killed", LARGE * 8, timeout: 30).body
    assert_equal 200, post("/plain", LARGE).status
  end
end
