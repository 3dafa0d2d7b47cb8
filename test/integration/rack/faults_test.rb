# frozen_string_literal: true

require_relative "rack_case"

# Applications that raise, exit, throw, kill their thread or answer nonsense: only that request suffers.
class FaultsTest < HyperionTest::RackCase
  serve app("faults"), "-t", "2", env: { "RACK_ENV" => "production" }

  RAISING = %w[raise exit abort throw thread-exit thread-kill no-memory exception signal interrupt script stack
    frozen-message no-message].freeze
  NONSENSE = %w[nil empty string two status-text status-99 status-1000 status-nil status-huge headers-nil headers-string
    body-nil body-number].freeze
  INTERNALS = /secret|faults\.ru|ArgumentError|NoMemory|SystemExit|StackError|NoMethod|\.rb:|hyperion.*error/i.freeze

  def meet(count = 2, to: server)
    Array.new(count) { Thread.new { get("/meet?#{count}", to: to, timeout: 10).body } }.map(&:value)
  ensure
    get("/part", to: to)
  end

  RAISING.each do |fault|
    name = fault.tr("-", "_")
    define_method("test_G2_#{name}_hurts_only_its_request") do
      response = get("/#{fault}")
      assert_equal 500, response.status
      refute_match INTERNALS, response.body
      refute_match INTERNALS, response.headers.join(" ")
      assert_equal 200, get("/pid").status
      assert server.alive?
    end
  end

  NONSENSE.each do |fault|
    name = fault.tr("-", "_")
    define_method("test_#{name}_is_a_500") do
      response = get("/#{fault}")
      assert_equal 500, response.status
      refute_match INTERNALS, response.body
      assert_equal 200, get("/pid").status
    end
  end

  def test_in_development_the_page_tells_what_was_raised
    developing = boot(self.class.app("faults"))
    response = get("/raise", to: developing)
    assert_equal [500, "text/plain; charset=utf-8"], [response.status, response["content-type"]]
    assert_match(/\A\w*Error: .*\n\n  .*faults\.ru:\d+:in /, response.body)
  end

  def test_the_line_of_a_failure_names_its_request
    mark = server.log.size
    get("/raise", "x-request-id" => "id-7")
    server.wait_for_log(/"message":"the application failed","method":"GET","path":"\/raise","request_id":"id-7","class"/, from: mark)
  end

  def test_the_error_page_is_short_text
    response = get("/raise")
    assert_equal ["Internal Server Error\n", "text/plain"], [response.body, response["content-type"].to_s[%r{\Atext/plain}]]
    assert_equal response.body.bytesize.to_s, response["content-length"]
  end

  def test_what_was_raised_stands_in_the_log
    mark = server.log.size
    get("/raise")
    server.wait_for_log(/secret-in-message/, from: mark)
    server.wait_for_log(/ArgumentError/, from: mark)
    server.wait_for_log(/faults\.ru:\d+/, from: mark)
  end

  def test_B5_a_message_cannot_forge_a_log_line
    mark = server.log.size
    get("/frozen-message")
    server.wait_for_log(/forged/, from: mark)
    refute_match(/^ ?forged: line/, server.log[mark..])
  end

  def test_G2_no_executor_is_lost
    %w[thread-exit thread-kill exit throw exception].each { |fault| 3.times { get("/#{fault}") } }
    assert_equal %w[met met], meet
  end

  def test_G2_others_are_not_disturbed
    waiting = connect.request("GET", "/wait?calm")
    RAISING.each { |fault| get("/#{fault}") }
    get("/open?calm")
    assert_equal "waited", waiting.response.body
  end

  def test_a_piece_that_is_nil
    bytes = connect.request("GET", "/chunk-nil").read_to_end
    assert_match(%r{\AHTTP/1\.1 500 }, bytes)
  end

  def test_frozen_answers_and_textual_statuses_are_fine
    assert_equal [200, "fine"], get("/frozen").then { |response| [response.status, response.body] }
    assert_equal [201, "fine"], get("/status-string").then { |response| [response.status, response.body] }
  end

  def test_A20_raising_in_each_is_no_clean_end
    bytes = connect.request("GET", "/each-raise").read_to_end
    refute_match(/\r\n0\r\n\r\n\z/, bytes)
    refute_match INTERNALS, bytes
    server.wait_for_log(/secret-each/)
  end

  def test_A20_nothing_is_served_behind_a_broken_body
    client = connect.request("GET", "/each-raise").request("GET", "/pid")
    refute_match(%r{HTTP/1\.1 200.*HTTP/1\.1}m, client.read_to_end)
  end

  def test_G2_a_child_that_returns_answers_nobody
    client = connect.request("GET", "/fork-return")
    response = client.response
    assert_equal [200, "parent"], [response.status, response["x-who"]]
    child = Integer(response.body)
    eventually("the child still runs") { !server.pids.include?(child) }
    assert_equal Integer(client.get("/pid").body), server.pid
    assert_equal %w[met met], meet
  end

  def test_G2_a_child_that_lingers_holds_no_connection
    bytes = nil
    took = elapsed { bytes = connect.write("GET /fork-linger HTTP/1.0\r\n\r\n").read_to_end }
    assert_match(/\r\n\r\n\d+\z/, bytes)
    assert_operator took, :<, 2, "the connection ended with the response"
  end

  %w[exit-bang kill-self segfault].each do |fault|
    define_method("test_G2_#{fault.tr("-", "_")}_costs_one_worker_that_is_replaced") do
      cluster = boot(self.class.app("faults"), "-w", "2", "-t", "2")
      before = cluster.worker_pids.sort
      assert_equal 2, before.size
      assert_empty connect(cluster).request("GET", "/#{fault}").read_to_end
      eventually("no new worker", timeout: 10) { cluster.worker_pids.size == 2 && cluster.worker_pids.sort != before }
      assert_equal 1, (cluster.worker_pids & before).size, "the other worker lives on"
      eventually("new worker serves") { 10.times.map { Integer(get("/pid", to: cluster).body) }.uniq.size == 2 }
      assert_equal 0, cluster.stop.exitstatus
    end
  end

  def test_G2_abort_in_a_cluster_leaves_two_workers
    cluster = boot(self.class.app("faults"), "-w", "2", "-t", "2")
    4.times { connect(cluster).request("GET", "/abort").read_to_end }
    eventually { cluster.worker_pids.size == 2 }
    10.times { assert_equal 200, get("/pid", to: cluster).status }
  end
end
