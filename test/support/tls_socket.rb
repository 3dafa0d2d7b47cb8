# frozen_string_literal: true

require "openssl"

module HyperionTest
  # An OpenSSL socket with what RawClient asks of one.
  class TlsSocket
    def initialize(ssl)
      @ssl = ssl
      @ahead = +""
    end

    attr_reader :ssl

    def write_nonblock(bytes, exception: true)
      @ssl.write_nonblock(bytes, exception: exception)
    end

    # An end without its alert is as good as a reset.
    def read_nonblock(count, exception: true)
      return @ahead.slice!(0, count) unless @ahead.empty?

      @ssl.read_nonblock(count, exception: exception)
    rescue OpenSSL::SSL::SSLError => e
      raise Errno::ECONNRESET, e.message
    end

    def readpartial(count) = @ahead.empty? ? @ssl.readpartial(count) : @ahead.slice!(0, count)

    # Bytes on the wire may be about the session only, such as its tickets; one is read to see.
    def wait_readable(seconds)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
      while @ahead.empty? && (byte = read_nonblock(1, exception: false)) == :wait_readable
        left = deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC)
        return unless left.positive? && @ssl.io.wait_readable(left)
      end
      @ahead << byte if byte.is_a?(String)
      self
    rescue SystemCallError
      self
    end

    def wait_writable(seconds) = @ssl.io.wait_writable(seconds)
    def setsockopt(...) = @ssl.io.setsockopt(...)
    def shutdown(how) = @ssl.io.shutdown(how)
    def closed? = @ssl.io.closed?
    def close = @ssl.io.close
  end
end
