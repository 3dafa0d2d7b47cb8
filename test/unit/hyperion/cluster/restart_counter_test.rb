# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/restart_counter"

class RestartCounterTest < UnitCase
  # What is told of a slot.
  Filled = Struct.new(:index, :take_former, :current)
  Former = Struct.new(:pid, :reason, :uptime_s)
  Current = Struct.new(:pid)

  def setup
    @log = Array.new
    log = @log
    @restart_counter = Hyperion::RestartCounter.new(Object.new.tap { |one| one.define_singleton_method(:info) { |*said| log << said } })
  end

  def test_each_replacement_is_counted_and_told
    @restart_counter.record(Filled.new(1, Former.new(10, :max_rss, 3.5), Current.new(20)))
    assert_equal({ max_rss: 1 }, @restart_counter.to_h.reject { |_, count| count.zero? })
    assert_equal [["worker restarted", { slot: 1, old_pid: 10, new_pid: 20, reason: :max_rss, uptime_s: 3.5 }]], @log
  end

  def test_a_first_worker_is_no_restart
    @restart_counter.record(Filled.new(1, nil, Current.new(20)))
    assert_equal [[0], []], [@restart_counter.to_h.values.uniq, @log]
  end

  def test_all_reasons_are_there_from_the_start_and_there_are_no_others
    assert_equal Hyperion::RestartCounter::REASONS, @restart_counter.to_h.keys
    assert_raises(KeyError) { @restart_counter.count(:weather) }
  end

  def test_how_a_process_ended_is_told_and_is_a_reason
    { "exit!(0)" => [:exit, "exit status 0"], "exit!(3)" => [:crash, "exit status 3"],
      "Process.kill(:KILL, $$); sleep" => [:signal, "killed by SIGKILL"],
      "Signal.trap(:ABRT, 'SYSTEM_DEFAULT'); Process.kill(:ABRT, $$); sleep" => [:crash, "killed by SIGABRT"] }.each do |code, expected|
      status = Process.wait2(fork { eval(code) }).last
      assert_equal expected, [Hyperion::RestartCounter.reason(status), Hyperion::RestartCounter.describe(status)], code
    end
    assert_equal [:crash, "status unknown"], [Hyperion::RestartCounter.reason(nil), Hyperion::RestartCounter.describe(nil)]
  end
end
