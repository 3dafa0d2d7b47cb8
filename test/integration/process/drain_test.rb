# frozen_string_literal: true

require_relative "process_case"

# TERM, INT and the graceful timeout.
class DrainTest < HyperionTest::ProcessCase
  MODES = { "one process" => [], "a cluster" => %w[-w 2] }.freeze

  MODES.each do |name, flags|
    suffix = name.tr(" ", "_")

    define_method("test_W3_idle_#{suffix}_ends_at_once") do
      idle = boot(BASIC, *flags)
      connection = connect(idle)
      connection.get("/pid")
      status = nil
      took = elapsed { status = idle.stop(:TERM) }
      assert_equal 0, status.exitstatus, idle.log
      assert_operator took, :<, 1.0
      assert_ended connection
      assert_empty idle.pids
    end

    define_method("test_term_lets_a_request_finish_in_#{suffix}") do
      busy = boot(BASIC, *flags, "--graceful-timeout", "10")
      client = connect(busy).request("GET", "/sleep?0.8")
      assert client.silent?(0.2)
      busy.signal(:TERM)
      eventually("the listener still accepts") { refused?(busy) }
      response = client.response
      assert_equal [200, "slept", true], [response.status, response.body, response.close?]
      assert_ended client
      client.close
      assert_equal 0, busy.wait.exitstatus
      assert_empty busy.pids
    end

    define_method("test_the_graceful_timeout_ends_a_request_in_#{suffix}") do
      stuck = boot(BASIC, *flags, "--graceful-timeout", "1")
      client = hold("never", to: stuck)
      status = nil
      took = elapsed { status = stuck.stop(:TERM) }
      assert_operator took, :>=, 0.9
      assert_operator took, :<, 4
      assert status.exited?, status.inspect
      client.read_to_end
      assert_empty stuck.pids
    end

    define_method("test_a_second_interrupt_stops_#{suffix}_at_once") do
      stuck = boot(BASIC, *flags, "--graceful-timeout", "20")
      client = hold("interrupted", to: stuck)
      stuck.signal(:INT)
      eventually("the listener still accepts") { refused?(stuck) }
      assert stuck.alive?
      took = elapsed { stuck.signal(:INT) and stuck.wait }
      status = stuck.wait
      assert_operator took, :<, 2
      assert(status.exitstatus == 130 || status.termsig == Signal.list["INT"], status.inspect)
      client.read_to_end
      eventually("workers are left") { stuck.pids.empty? }
    end

    define_method("test_G4_a_busy_app_cannot_hold_up_the_end_of_#{suffix}") do
      spinning = boot(BASIC, *flags, "--graceful-timeout", "1")
      connect(spinning).request("GET", "/spin").silent?(0.2)
      took = elapsed { spinning.stop(:TERM) }
      assert_operator took, :<, 5
      assert_empty spinning.pids
    end
  end

  def test_one_interrupt_drains
    assert_equal 0, boot(BASIC).stop(:INT).exitstatus
  end

  def test_W31_a_request_of_six_seconds_completes_under_the_graceful_timeout
    busy = boot(BASIC, "--graceful-timeout", "20")
    client = connect(busy).request("GET", "/sleep?6")
    assert client.silent?(0.2)
    busy.signal(:TERM)
    assert_equal "slept", client.response(timeout: 12).body
    client.close
    assert_equal 0, busy.wait.exitstatus
  end

  def test_a_pipelined_request_in_flight_is_answered_and_the_rest_is_not_begun
    busy = boot(BASIC)
    client = connect(busy).request("GET", "/sleep?0.6").request("GET", "/pid")
    assert client.silent?(0.2)
    busy.signal(:TERM)
    answer = client.read_to_end
    assert_includes answer, "slept"
    client.close
    assert_equal 0, busy.wait.exitstatus
  end

  def test_a_half_sent_request_does_not_hold_up_the_end
    half = boot(BASIC, "--graceful-timeout", "2")
    client = connect(half).write("GET /pid HTTP/1.1\r\nHos")
    assert client.silent?(0.1)
    took = elapsed { assert_equal 0, half.stop(:TERM).exitstatus }
    assert_operator took, :<, 3.5
  end

  def test_G8_at_exit_of_the_app_runs_once
    ru = file("config.ru", "at_exit { File.open(#{"#{dir}/exits".inspect}, 'a') { |io| io.syswrite(\"bye\\n\") } }\n" \
                           "run ->(_) { [200, {}, ['ok']] }\n")
    assert_equal 0, boot(ru).stop.exitstatus
    assert_equal "bye\n", File.read("#{dir}/exits")
  end

  private

  def refused?(server)
    server.connect.close
    false
  rescue Errno::ECONNREFUSED, Errno::ECONNRESET
    true
  end
end
