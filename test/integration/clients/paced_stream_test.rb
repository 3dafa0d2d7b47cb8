# frozen_string_literal: true

require_relative "../grpc/grpc_case"
require_relative "transfer_case"

# A message each millisecond, for thousands of them: what a client sends for each must never add up to a flood.
class PacedStreamTest < HyperionTest::TransferCase
  include HyperionTest::Frames

  COUNT = 4000

  # Room for the stream and for the connection, for each message.
  def test_a_client_that_gives_room_for_each_message
    clients = [h2, h2(secure: true)]
    streams = clients.map { |client| client.request("GET", "/ticks?#{COUNT}") }
    bodies = clients.zip(streams).map { |client, stream| client.response(stream, timeout: 60).body }
    bodies.each { |body| assert_equal COUNT, body.scan(/^tick \d+$/).size }
  end

  # Google's client measures the way by pings, too.
  def test_a_call_of_grpc
    skip "no gRPC for python is installed" unless HyperionTest::GrpcCase.client?("python")
    booted = boot_h2(HyperionTest::GrpcCase::GRPC_APP, "-t", "3")
    targets = [[booted.authority], ["localhost:#{secure_port(booted)}", CA.root_path]]
    client = HyperionTest::GrpcCase::CLIENTS.fetch("python")
    counts = targets.map { |target| Thread.new { run_client(*client, "paced_messages", *target) } }.map(&:value)
    assert_equal [COUNT] * 2, counts.map { |count| JSON.parse(count) }
  end

  def test_a_client_that_gives_room_a_hundred_times_for_each_message
    attacker = peer
    attacker.write(headers(1, block(path: "/ticks?#{COUNT}")))
    frames = attacker.frames_until do |one|
      attacker.write(window(1) * 100) if one.type == :data
      one.type == :goaway || one.ended? && one.type == :data
    end
    assert_equal %i[goaway enhance_your_calm], [frames.last.type, frames.last.type == :goaway && frames.last.code]
    assert_served
  end

  private

  def assert_served = assert_equal("page for HTTP/1.1", get("/page").body)
end
