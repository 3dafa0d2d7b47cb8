# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/handoff_channels"

class HandoffChannelsTest < UnitCase
  def test_what_is_sent_on_a_way_comes_out_of_the_inlet_of_its_slot
    handoff_channels = Hyperion::HandoffChannels.new(3)
    ways = handoff_channels.settings[:ways].map { |descriptor| socket(descriptor) }
    ways.each_with_index { |way, slot| way.send("to #{slot}", 0) }
    3.times { |slot| assert_equal "to #{slot}", socket(handoff_channels.settings[:inlets][slot]).recv(100) }
  ensure
    handoff_channels.close
  end

  private

  def socket(descriptor) = UNIXSocket.for_fd(descriptor).tap { |one| one.autoclose = false }
end
