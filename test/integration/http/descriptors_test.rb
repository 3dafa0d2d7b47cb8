# frozen_string_literal: true

require_relative "../../support/integration"
require "support/load"

# Accepting when the process has no descriptor left, and peers that leave before they are accepted.
class DescriptorsTest < HyperionTest::IntegrationCase
  DESCRIPTORS = 64
  CONNECTIONS = 100

  def starved
    app = boot("probe.ru", "-t", "1", "--no-log-requests", rlimit_nofile: DESCRIPTORS)
    served = connect(app)
    assert_equal "ignored", served.get("/ignore").body
    crowd = Array.new(CONNECTIONS) { connect(app).request("GET", "/ignore") }
    eventually("the descriptors were not used up") { app.descriptor_count >= DESCRIPTORS - 2 }
    [app, served, crowd]
  end

  def test_C7_without_descriptors_the_server_neither_spins_nor_dies
    app, served, = starved
    cpu = app.cpu_seconds
    4.times do
      sleep(0.25)
      assert_equal "ignored", served.get("/ignore").body
    end
    assert_operator app.cpu_seconds - cpu, :<, 0.5, "seconds of CPU within one second of waiting"
    assert_predicate app, :alive?
  end

  def test_C7_the_shortage_is_logged_once_per_interval
    app, served, = starved
    app.wait_for_log(/descriptor|too many open files|EMFILE/i)
    sleep(0.5)
    served.get("/ignore")
    assert_operator app.log.scan(/descriptor|too many open files|EMFILE/i).size, :<=, 3
  end

  def test_C7_service_goes_on_when_descriptors_return
    app, _, crowd = starved
    crowd.each(&:close)
    client = connect(app)
    assert_equal "ignored", client.get("/ignore", timeout: 15).body
  end

  def test_C7_waiting_connections_are_served_as_others_leave
    app, _, crowd = starved
    bodies = crowd.map do |client|
      body = client.response(timeout: 20).body
      client.close
      body
    end
    assert_equal ["ignored"], bodies.uniq
    assert_equal "ignored", connect(app).get("/ignore").body
  end

  %w[epoll io_uring].each do |driver|
    define_method("test_C7_no_request_is_lost_while_descriptors_run_out_and_return_#{driver}") do
      app = boot("test/integration/process/apps/basic.ru", "-t", "2", "--no-log-requests", "--io", driver, rlimit_nofile: DESCRIPTORS)
      kept = HyperionTest::Load.new(app, "/pid", short: 0)
      eventually("nobody is answered before it") { kept.answers.values.sum > 50 }
      short = HyperionTest::Load.new(app, "/pid", keep: 0)
      ending { [kept, short].each(&:stop) }
      5.times do
        crowd = Array.new(CONNECTIONS) { connect(app) }
        eventually("the descriptors were not used up") { app.descriptor_count >= DESCRIPTORS - 2 }
        assert_more_answers(kept, "meanwhile")
        crowd.each(&:close)
        assert_more_answers(short, "behind it")
      end
      assert_empty [kept, short].flat_map { |load| load.stop.failures }
    end
  end

  def assert_more_answers(load, time)
    before = load.answers.values.sum
    eventually("nobody is answered #{time}", timeout: 15) { load.answers.values.sum > before + 50 }
  end

  def test_C7_peers_that_leave_before_accept_do_no_harm
    app = boot("probe.ru", "-t", "1")
    descriptors = app.descriptor_count
    app.signal(:STOP)
    100.times { app.connect.abort }
    50.times { app.connect.request("GET", "/ignore").abort }
    app.signal(:CONT)
    assert_equal "ignored", connect(app).get("/ignore").body
    eventually("aborted connections were kept") { app.descriptor_count <= descriptors + 1 }
  end
end
