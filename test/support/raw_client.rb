# frozen_string_literal: true

require "socket"
require_relative "http_response"

module HyperionTest
  # One connection to a server, driven byte by byte. Everything that waits has a deadline and raises
  # TimedOut with what arrived so far. Writing to a connection that the peer closed is no error (the
  # answer it left tells the story); reading behind the end raises Ended.
  #
  #   client = RawClient.tcp("127.0.0.1", port)
  #   client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  #   client.response.status              # => 200
  #   client.get("/x", "cookie" => "a=b") # writes a request and reads its response
  #   client.ended?                       # => true once the peer has closed or reset
  class RawClient
    class TimedOut < StandardError; end

    # The peer closed or reset; `partial` is what had been read of the thing asked for.
    class Ended < StandardError
      attr_reader :partial

      def initialize(message, partial)
        super(message)
        @partial = partial
      end
    end

    TIMEOUT_S = 10
    READ_BYTES = 65_536

    # @param receive_buffer [Integer, nil] SO_RCVBUF in bytes, for a peer that takes little at a time
    def self.tcp(host, port, receive_buffer: nil, timeout: TIMEOUT_S)
      address = Addrinfo.tcp(host, port)
      socket = Socket.new(address.afamily, Socket::SOCK_STREAM)
      socket.setsockopt(:SOCKET, :RCVBUF, receive_buffer) if receive_buffer
      socket.setsockopt(:TCP, :NODELAY, true)
      socket.connect(address)
      new(socket, timeout: timeout)
    end

    def self.unix(path, timeout: TIMEOUT_S)
      new(UNIXSocket.new(path), timeout: timeout)
    end

    attr_reader :socket

    def initialize(socket, timeout: TIMEOUT_S)
      @socket = socket
      @timeout = timeout
      @buffer = +"".b
      @ended = false
      @reset = false
    end

    # Sends all bytes; waits while the peer does not take them.
    # @return [RawClient] self
    def write(bytes, timeout: @timeout)
      rest = bytes.b
      deadline = now + timeout
      until rest.empty?
        written = @socket.write_nonblock(rest, exception: false)
        written == :wait_writable ? await(:write, deadline) { rest } : rest = rest.byteslice(written..)
      end
      self
    rescue Errno::EPIPE, Errno::ECONNRESET
      self
    end

    # Sends pieces apart, each in a packet of its own, `interval` seconds between them.
    def write_slowly(pieces, interval: 0.0)
      pieces.each_with_index do |piece, index|
        sleep(interval) if index.positive? && interval.positive?
        write(piece)
      end
      self
    end

    # Writes a request with Host, the given headers (string keys; an Array is repeated, nil left out),
    # and content-length when there is a body.
    def request(method, target, body: nil, **headers)
      fields = { "host" => "test.example" }.merge(headers)
      fields["content-length"] ||= body.bytesize if body
      lines = fields.flat_map { |name, value| Array(value).map { |item| "#{name}: #{item}\r\n".b } }
      write("#{method} #{target} HTTP/1.1\r\n".b + lines.join + "\r\n" + body.to_s.b)
    end

    # Writes one request and reads its response.
    # @return [HttpResponse]
    def fetch(method, target, body: nil, timeout: @timeout, **headers)
      request(method, target, body: body, **headers).response(head: method == "HEAD", timeout: timeout)
    end

    def get(target, **rest) = fetch("GET", target, **rest)
    def post(target, body, **rest) = fetch("POST", target, body: body, **rest)

    # Reads one final response with its body; 1xx before it are in `informational`.
    # @param head [Boolean] whether it answers HEAD
    def response(head: false, timeout: @timeout)
      within(timeout) { ResponseReader.new(self).read(head: head) }
    end

    # Reads one response head, 1xx too, and leaves the body unread.
    def response_head(timeout: @timeout)
      within(timeout) { ResponseReader.new(self).read_head }
    end

    # Everything up to the end of the connection.
    def read_to_end(timeout: @timeout)
      within(timeout) { read_rest }
    end

    # At least one byte, as soon as there is one.
    def read_some(timeout: @timeout)
      within(timeout) do
        fill if @buffer.empty?
        @buffer.slice!(0..)
      end
    end

    # Takes about `bytes` per `interval` seconds, that many times; for a peer that reads slowly.
    def read_slowly(bytes, interval:, times:)
      received = @buffer.slice!(0..)
      times.times do
        sleep(interval)
        received << @socket.readpartial(bytes)
      end
      received
    end

    # Whether the peer ends the connection in time, with nothing more to read.
    def ended?(timeout: @timeout)
      read_to_end(timeout: timeout).empty?
    rescue TimedOut
      false
    end

    # Whether nothing arrives for that long: neither a byte nor the end.
    def silent?(seconds)
      @buffer.empty? && !@ended && @socket.wait_readable(seconds).nil?
    end

    # Whether the end came as a reset; known only after the end was read.
    def reset? = @reset

    def close_write
      @socket.shutdown(Socket::SHUT_WR)
      self
    rescue Errno::ENOTCONN
      self
    end

    # Ends the connection with a reset instead of a close.
    def abort
      @socket.setsockopt(Socket::Option.linger(true, 0)) unless @socket.is_a?(UNIXSocket)
      close
    end

    def close
      @socket.close unless @socket.closed?
    end

    # The three readers below serve ResponseReader; they keep the deadline of the call around them.
    def read_line
      until (index = @buffer.index("\r\n"))
        fill
      end
      @buffer.slice!(0, index + 2).chomp("\r\n")
    end

    # @param into [String] what was read before, shown in Ended#partial when the end comes early
    def read_exactly(count, into: "")
      fill(into) while @buffer.bytesize < count
      @buffer.slice!(0, count)
    end

    def read_rest
      fill until @ended
      @buffer.slice!(0..)
    end

    private

    def fill(before = "")
      raise Ended.new("the peer ended the connection behind #{@buffer[-200..] || @buffer}", before + @buffer) if @ended

      case (bytes = @socket.read_nonblock(READ_BYTES, exception: false))
      when :wait_readable then await(:read, @deadline) { before + @buffer }
      when nil then @ended = true
      else @buffer << bytes
      end
    rescue Errno::ECONNRESET, Errno::EPIPE
      @ended = @reset = true
    end

    # The block yields what to show when the deadline passes.
    def await(direction, deadline)
      left = deadline - now
      ready = left.positive? && (direction == :read ? @socket.wait_readable(left) : @socket.wait_writable(left))
      return if ready

      pending = yield
      raise TimedOut, "no #{direction} in time; #{pending.bytesize} bytes pending: #{pending[0, 500].inspect}"
    end

    def within(timeout)
      outer, @deadline = @deadline, now + timeout
      yield
    ensure
      @deadline = outer
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
