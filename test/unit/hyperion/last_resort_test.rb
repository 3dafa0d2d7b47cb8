# frozen_string_literal: true

require_relative "../support/unit"
require "hyperion/last_resort"

class LastResortTest < UnitCase
  # Where the log goes.
  Said = Struct.new(:out, :engine) do
    def error(message) = out.write(message)
  end

  def test_W31_what_hangs_behind_the_graceful_timeout_is_cut
    told, status = forked do |out|
      Hyperion::LastResort.new(0, Said.new(out))
      sleep
    end
    assert_equal 1, status.exitstatus
    assert_match(/graceful_timeout is over/, told)
  end

  def test_a_process_that_goes_on_with_something_else_is_left_alone
    last_resort = Hyperion::LastResort.new(60, nil)
    names = -> { Thread.list.filter_map(&:name) }
    assert_includes names.call, "hyperion last resort"
    last_resort.cancel
    eventually { !names.call.include?("hyperion last resort") }
  end
end
