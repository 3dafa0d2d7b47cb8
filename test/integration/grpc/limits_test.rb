# frozen_string_literal: true

require_relative "grpc_case"

# What bounds a call, and what does not.
class GrpcLimitsTest < HyperionTest::GrpcCase
  def test_calls_are_as_large_and_as_long_as_they_want
    booted = boot_h2(GRPC_APP, "-t", "1", "--max-body-bytes", "1000", "--read-timeout", "1", "--max-request-read-seconds", "1")
    client = h2(booted)
    stream = client.request("POST", "/test.Test/Chat", GRPC, end: false)
    100.times do |i|
      client.data(stream, framed("#{i} #{"x" * 900}"))
      client.await_body(stream, "re: #{i} ")
    end
    sleep 2.5 # Nothing shows that no deadline passes, but that it has not.
    client.data(stream, framed("last"), end: true)
    response = client.response(stream)
    assert_equal [true, "0"], [response.body.end_with?("re: last"), response.trailers.to_h["grpc-status"]]
  end

  # As one that knows nothing of gRPC would: it holds its thread only so long.
  def test_an_app_that_reads_before_it_answers_is_not_kept_waiting_by_what_says_that_it_is_a_call
    booted = boot_h2("test/integration/http2/apps/h2.ru", "-t", "1", "--read-timeout", "1")
    client = h2(booted)
    stream = client.request("POST", "/digest", GRPC, end: false)
    client.data(stream, "x")
    response = client.response(stream)
    assert_equal [408, "4"], [response.status, response["grpc-status"]]
    assert_equal 200, client.get("/ignore").status
  end

  def test_one_read_has_a_bound
    booted = boot_h2(GRPC_APP, "-t", "1", "--max-body-bytes", "2000")
    assert_equal framed("1000"), raw_call(h2(booted), "Naive", framed("x" * 1000)).body
    refused = raw_call(h2(booted), "Naive", framed("x" * 1_000_000))
    assert_equal 2, refused.reset
    booted.wait_for_log(/Hyperion::Error/)
  end

  def test_calls_hold_threads
    booted = boot_h2(GRPC_APP, "-t", "2")
    client = h2(booted)
    held = Array.new(2) { client.request("POST", "/test.Test/Hold", GRPC, body: framed("held")) }
    eventually { busy(booted) == 2 }
    waiting = client.request("POST", "/test.Test/Unary", GRPC, body: framed("x"))
    client.ping
    client.await("PingAckReceived")
    refute client.so_far(waiting).status
    held.each { |stream| client.reset(stream) }
    assert_equal 2, busy(booted), "they neither read nor write"
  end

  def test_a_cluster
    booted = boot_h2(GRPC_APP, "-w", "2", "-t", "2")
    everywhere("thousand", to: booted) { |answer, where| assert_equal 1000, answer, where }
    everywhere("large", to: booted) { |answer, where| assert_equal [4_194_304, true, 4_194_304], answer, where }
    assert_equal 0, booted.stop.exitstatus
  end

  def test_a_certificate_of_its_own
    booted = boot(GRPC_APP, "--tls-self-signed", "-t", "2")
    port = booted.wait_for_log(%r{https://127\.0\.0\.1:(\d+)})[1]
    Tempfile.create("own.pem") do |file|
      file.write(certificate_of(port))
      file.flush
      HyperionTest::GrpcCase::CLIENTS.each_key do |client|
        skip unless HyperionTest::GrpcCase.client?(client)
        output = run_client(*CLIENTS[client], "unary", "localhost:#{port}", file.path)
        assert_equal ["hello", "", 2560], JSON.parse(output.lines.last), client
      end
    end
  end

  private

  def certificate_of(port)
    socket = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("127.0.0.1", port)).tap(&:connect)
    socket.peer_cert.to_pem
  ensure
    socket&.close
  end
end
