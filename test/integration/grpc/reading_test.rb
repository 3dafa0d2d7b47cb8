# frozen_string_literal: true

require_relative "grpc_case"

# How a request is read while it arrives.
class GrpcReadingTest < HyperionTest::GrpcCase
  speak GRPC_APP, "-t", "2"

  def test_what_is_not_read_waits_with_the_client
    client, other = h2, h2
    stream = client.request("POST", "/test.Test/Sip", GRPC, end: false)
    before = metric("hyperion_bytes_read_total")
    client.data(stream, "x" * 16_384, repeat: 1000)
    50.times do |i|
      raw_call(other, "Open", framed("sip"))
      client.await_body(stream, framed("sip") * (i + 1))
    end
    assert_operator metric("hyperion_bytes_read_total") - before, :<, 1_500_000, "fifty bytes were read"
  end

  def test_a_thread_that_reads_on_is_told_of_the_end
    client = h2
    stream = client.request("POST", "/test.Test/Aside", GRPC, end: false)
    assert_equal framed("answered"), client.response(stream).body
    eventually { raw_call(client, "Note", framed("")).body.include?("aside IOError closed stream") }
  end

  # Thread#kill may come while an exception is made.
  def test_a_thread_that_ends_while_it_is_told_of_a_fault_takes_nothing_with_it
    booted = boot_h2("test/integration/grpc/apps/ending.ru", "-t", "1")
    client = h2(booted)
    assert_equal 500, raw_call(client, "Any", "xyz").status
    assert_equal "served", raw_call(client, "Any", "abc").body
  end
end
