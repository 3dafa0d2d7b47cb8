# frozen_string_literal: true

require "socket"
require_relative "../error"

module Hyperion
  # The file of a UNIX socket: made without touching anything that is not a dead server's socket,
  # removed only by the process that made it, and only while it is still the same file.
  class UnixSocketFile
    # @param mode [Integer, nil] permission bits; nil leaves them to the umask
    def initialize(path, mode: nil)
      @path = path
      @mode = mode
    end

    # @return [Socket]
    # @raise [BindError]
    def listen(backlog)
      remove_stale
      socket = Socket.new(:UNIX, :STREAM)
      with_umask { socket.bind(Addrinfo.unix(@path)) }
      @owner = [Process.pid, identity]
      File.chmod(@mode, @path) if @mode
      socket.listen(backlog)
      socket
    rescue SystemCallError => e
      socket&.close
      raise BindError, "unix://#{@path}: #{reason(e)}"
    end

    # Does nothing in a forked process, or where another server has put its own file.
    def remove
      return unless @owner == [Process.pid, identity]

      File.unlink(@path)
    rescue SystemCallError
      nil
    end

    private

    def identity
      stat = File.lstat(@path)
      [stat.dev, stat.ino]
    rescue SystemCallError
      nil
    end

    # A bind fails where anything has that name, a link included, so nothing is ever overwritten.
    def remove_stale
      stat = File.lstat(@path)
      raise BindError, "unix://#{@path}: a file of this name exists and is not a socket" unless stat.socket?
      raise BindError, "unix://#{@path}: the socket is in use by another process" if served?

      File.unlink(@path)
    rescue Errno::ENOENT
      nil
    end

    def served?
      Socket.new(:UNIX, :STREAM).tap { |socket| socket.connect_nonblock(Addrinfo.unix(@path)) }.close
      true
    rescue Errno::ECONNREFUSED
      false
    rescue IO::WaitWritable
      true # Its backlog is full.
    end

    # No one who may not connect later may do so between bind and chmod.
    def with_umask
      former = File.umask(0o177) if @mode
      yield
    ensure
      File.umask(former) if former
    end

    def reason(error)
      case error
      when Errno::ENOENT then "the directory does not exist"
      when Errno::EADDRINUSE then "a file of this name exists"
      else error.message
      end
    end
  end
end
