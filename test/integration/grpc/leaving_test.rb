# frozen_string_literal: true

require_relative "grpc_case"

# Clients that give up. There is one thread: what comes next shows that it is free.
class GrpcLeavingTest < HyperionTest::GrpcCase
  speak GRPC_APP, "-t", "1"

  def test_a_deadline_frees_the_writer
    everywhere("deadline_of_a_writer") do |answer, where|
      assert_equal ["DEADLINE_EXCEEDED", "writer Hyperion::ClientDisconnected", "next"], answer, where
    end
  end

  def test_a_deadline_frees_the_reader
    everywhere("deadline_of_a_reader", clients: %w[python]) do |answer, where|
      assert_equal ["DEADLINE_EXCEEDED", "reader Hyperion::ClientDisconnected", "next"], answer, where
    end
  end

  def test_a_cancelled_call_frees_its_thread
    everywhere("cancel", clients: %w[python]) do |answer, where|
      assert_equal ["CANCELLED", "writer Hyperion::ClientDisconnected", "reader Hyperion::ClientDisconnected", "next"], answer, where
    end
    everywhere("cancel", clients: %w[ruby]) do |answer, where|
      assert_equal ["CANCELLED", "writer Hyperion::ClientDisconnected", "next"], answer, where
    end
  end
end
