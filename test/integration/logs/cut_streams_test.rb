# frozen_string_literal: true

require_relative "lines_case"
require "open3"

# What is told of a response that is cut: the bytes of its body that have left.
class CutStreamsTest < HyperionTest::LinesCase
  DRIVERS = %w[epoll io_uring].freeze
  # Bytes that may have left for the client without having been read: buffers of both sockets.
  BUFFERS = 8_000_000

  DRIVERS.each do |driver|
    define_method("test_I8_a_client_that_leaves_in_the_middle_is_told_by_what_has_left_#{driver}") do
      server = boot(APP, "--log-format", "json", "--io", driver)
      { "/endless" => "stream", "/large" => "whole" }.each do |path, mark|
        client = connect(server, receive_buffer: 4096)
        client.request("GET", "#{path}?#{mark}")
        read = 0
        read += client.read_some.bytesize while read < 400_000
        client.abort
        assert_bytes(read - 1000, mark, server)
      end
    end

    define_method("test_I8_the_same_over_http2_#{driver}") do
      server = boot(APP, "--log-format", "json", "--io", driver)
      command = ["curl", "-s", "--http2-prior-knowledge", "--limit-rate", "1M", server.url("/endless?two")]
      read = IO.popen(command) { |curl| curl.read(400_000).bytesize.tap { Process.kill(:KILL, curl.pid) } }
      assert_bytes(read, "two", server)
    end

    define_method("test_I8_an_app_that_fails_in_the_middle_is_told_by_what_has_left_#{driver}") do
      server = boot(APP, "--log-format", "json", "--io", driver)
      client = connect(server)
      client.request("GET", "/cut?failed")
      whole = client.read_to_end
      body = whole.split("\r\n\r\n", 2).last
      assert_equal [200, body.bytesize], entry("\"query\":\"failed\"", to: server).values_at("status", "bytes")
    end

    define_method("test_I8_a_reader_that_is_too_slow_is_told_by_what_has_left_#{driver}") do
      server = boot(APP, "--log-format", "json", "--io", driver, "--write-timeout", "1")
      client = connect(server, receive_buffer: 4096)
      client.request("GET", "/large?slow")
      found = eventually("it is not cut", timeout: 15) { server.stdout.lines.grep(/"query":"slow"/).first }
      bytes = JSON.parse(found)["bytes"]
      assert_includes 1..2_999_999, bytes
    end
  end

  private

  def assert_bytes(read, mark, server)
    found = entry("\"query\":\"#{mark}\"", to: server)
    assert_includes read..(read + BUFFERS), found["bytes"], "of which the client has read #{read}"
  end
end
