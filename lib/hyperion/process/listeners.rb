# frozen_string_literal: true

require "socket"
require_relative "../error"
require_relative "unix_socket_file"

module Hyperion
  # The listening sockets of a server. Made once, before any fork; each worker slot gets its own where
  # the model is reuseport, and all get the same where it is share.
  class Listeners
    BACKLOG = 4096
    # Means the loopback interface, whatever a resolver says (RFC 6761, section 6.3).
    LOOPBACK = { "localhost" => %w[127.0.0.1 ::1] }.freeze
    UNAVAILABLE = [Errno::EADDRNOTAVAIL, Errno::EAFNOSUPPORT].freeze

    # One bind: where it became, and its sockets by slot.
    Opened = Struct.new(:bind, :url, :port, :slots, :file)

    # @return [Array<Opened>] in the order of the binds
    attr_reader :opened

    # @param binds [Array<Bind>] each with a port or a path
    # @param slots [Integer] number of workers
    # @param reuseport [Boolean] whether each slot has sockets of its own
    # @raise [BindError] with nothing left open
    def initialize(binds, slots: 1, reuseport: false)
      @slots = slots
      @reuseport = reuseport && slots > 1
      @opened = []
      @made = []
      binds.each { |bind| @opened << (bind.unix? ? open_unix(bind) : open_tcp(bind)) }
    rescue BindError
      @made.each(&:close)
      remove_files
      raise
    end

    # @return [Array<String>] what the banner shows
    def urls = @opened.map(&:url)

    # @return [Integer, nil] of the first TCP address
    def port = @opened.filter_map(&:port).first

    # @return [Array<Socket>] for this worker
    def for_slot(slot) = @opened.flat_map { |one| one.slots[slot] }

    # @return [Hash{Socket=>Bind}] for this worker, and what each was opened for
    def binds_for_slot(slot) = @opened.flat_map { |one| one.slots[slot].map { |socket| [socket, one.bind] } }.to_h

    # @return [Hash{Integer=>Array<Socket>}] by slot, as long as they are open; what they share stands in each
    def others(slot)
      all = (0...@slots).to_h { |index| [index, for_slot(index)] }
      all.reject { |index, sockets| index == slot || sockets.any?(&:closed?) }
    end

    # @return [Boolean] whether each slot has sockets of its own
    def distinct? = @reuseport

    # Closes this process's copies of all sockets.
    def close = open_sockets.each(&:close)

    # Ends all sockets, whoever else holds copies, as a worker that hangs or a process that the app has forked.
    def shut
      open_sockets.each do |socket|
        socket.shutdown(:RDWR)
      rescue SystemCallError
        nil # Another process was quicker.
      end
      close
    end

    # Removes the socket files that this process has made.
    def remove_files = @opened.each { |one| one.file&.remove }

    private

    def open_sockets = @opened.flat_map { |one| one.slots.flatten }.uniq.reject(&:closed?)

    def open_unix(bind)
      file = UnixSocketFile.new(bind.path, mode: bind.mode)
      @made << (socket = file.listen(BACKLOG))
      Opened.new(bind, bind.url, nil, Array.new(@slots) { [socket] }, file)
    end

    def open_tcp(bind)
      port = bind.port
      by_address = addresses(bind).filter_map do |address|
        sockets = open_address(address, port) or next
        port = sockets.first.local_address.ip_port
        sockets
      end
      raise BindError, "#{bind.address}: no address of #{bind.host} is one of this machine" if by_address.empty?

      Opened.new(bind, bind.url(port), port, by_address.transpose)
    rescue SystemCallError => e
      raise BindError, "#{bind.with_default_port(port).address}: #{reason(e, port)}"
    end

    # A name may have several addresses, as localhost has one of each family.
    def addresses(bind)
      found = LOOPBACK.fetch(bind.host, [bind.host]).flat_map do |host|
        Addrinfo.getaddrinfo(host, bind.port, nil, :STREAM, nil, Socket::AI_PASSIVE)
      end
      found.uniq(&:ip_address).sort_by { |one| one.ipv4? ? 0 : 1 }
    rescue SocketError => e
      raise BindError, "#{bind.address}: #{bind.host} cannot be resolved (#{e.message})"
    end

    # @return [Array<Socket>, nil] by slot; nil for a family or an address that this machine has not
    def open_address(address, port)
      return Array.new(@slots, listen(address, port)) unless @reuseport

      # With SO_REUSEPORT a port in use by another server of this user would be shared with it.
      listen(address, port).close unless port.zero?
      first = listen(address, port, reuseport: true)
      port = first.local_address.ip_port
      [first, *Array.new(@slots - 1) { listen(address, port, reuseport: true) }]
    rescue *UNAVAILABLE
      nil
    end

    def listen(address, port, reuseport: false)
      @made << (socket = Socket.new(address.afamily, :STREAM))
      socket.setsockopt(:SOCKET, :REUSEADDR, true)
      socket.setsockopt(:SOCKET, :REUSEPORT, true) if reuseport
      socket.ipv6only! if address.ipv6? && address.ip_address != "::"
      socket.bind(Addrinfo.tcp(address.ip_address, port))
      socket.listen(BACKLOG)
      socket
    end

    def reason(error, port)
      case error
      when Errno::EADDRINUSE then "the port #{port} is in use by another process"
      when Errno::EACCES then "port #{port} needs more privileges; ports from 1024 on do not"
      else error.message
      end
    end
  end
end
