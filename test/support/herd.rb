# frozen_string_literal: true

require_relative "raw_client"

module HyperionTest
  # Many connections to one server, driven together by one loop: for peers that are slow in numbers.
  # `drip` runs in a thread of its own, so that the test can look at the server meanwhile.
  class Herd
    Member = Struct.new(:socket, :outgoing, :received, :ended)

    # @param bytes [String] what each connection sends, as fast or slow as `drip` says
    def initialize(server, count, bytes, receive_buffer: nil)
      @members = Array.new(count) do
        socket = server.connect(receive_buffer: receive_buffer).socket
        Member.new(socket, bytes.b, +"".b, false)
      end
    end

    # Sends that many bytes of each member's rest now.
    def send_bytes(count)
      @members.each { |member| send_some(member, count) }
      self
    end

    # Starts to send `count` bytes on each connection per `interval`, and to read what comes, until
    # all connections have ended or `stop` is called.
    def drip(count: 1, interval: 0.1)
      @stopped = false
      @thread = Thread.new do
        until @stopped || ended?
          tick = now + interval
          living.each { |member| send_some(member, count) }
          receive([tick - now, 0].max) while now < tick && !ended?
        end
      end
      self
    end

    # Waits until the peer has ended all connections.
    # @return [Boolean] whether it did in time
    def wait_ended(timeout)
      @thread.join(timeout)
      ended?
    end

    def ended? = living.empty?
    def size = @members.size

    # What each connection received.
    def received = @members.map(&:received)

    def stop
      @stopped = true
      @thread&.join
      @members.each { |member| member.socket.close unless member.socket.closed? }
    end

    private

    def living = @members.reject(&:ended)

    def send_some(member, count)
      return if member.outgoing.empty? || member.ended

      written = member.socket.write_nonblock(member.outgoing.byteslice(0, count), exception: false)
      member.outgoing = member.outgoing.byteslice(written..) if written.is_a?(Integer)
    rescue Errno::EPIPE, Errno::ECONNRESET
      member.outgoing = +""
    end

    def receive(seconds)
      sockets = living.to_h { |member| [member.socket, member] }
      ready, = IO.select(sockets.keys, nil, nil, seconds)
      ready&.each { |socket| take(sockets[socket]) }
    end

    def take(member)
      case (bytes = member.socket.read_nonblock(65_536, exception: false))
      when String then member.received << bytes
      when nil then member.ended = true
      end
    rescue Errno::ECONNRESET
      member.ended = true
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
