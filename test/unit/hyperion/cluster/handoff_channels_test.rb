# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/cluster/handoff_channels"

class HandoffChannelsTest < UnitCase
  def test_what_a_sender_sends_comes_out_of_the_receiver_of_its_slot
    handoff_channels = Hyperion::HandoffChannels.new(3)
    senders = handoff_channels.settings[:handoff_senders].map { |descriptor| socket(descriptor) }
    senders.each_with_index { |sender, slot| sender.send("to #{slot}", 0) }
    3.times { |slot| assert_equal "to #{slot}", socket(handoff_channels.settings[:handoff_receivers][slot]).recv(100) }
  ensure
    handoff_channels.close
  end

  private

  def socket(descriptor) = UNIXSocket.for_fd(descriptor).tap { |one| one.autoclose = false }
end
