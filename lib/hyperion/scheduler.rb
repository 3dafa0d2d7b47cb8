# frozen_string_literal: true

require "hyperion/native"
require "socket"
require_relative "scheduler/pool"

module Hyperion
  # Runs the fibers of one thread, and lets those wait for each other's sake that would block it: a `Fiber::Scheduler`
  # whose loop is in Rust. Of use alone, too:
  #
  #     Fiber.set_scheduler(Hyperion::Scheduler.new)
  #     Fiber.schedule { Net::HTTP.get(uri) }
  #
  # What the kernel cannot wake up for (names, processes, files) is done by threads of a small pool.
  class Scheduler < FiberLoop
    POOL = Pool.new

    # Older Rubies call this hook without their own lock, and are never the same again.
    undef_method :io_pwrite if RUBY_VERSION < "4.0"

    class << self
      # What waits for a disk, for a fiber. The descriptor is that of an open file.
      # @return [String, Integer] a negative errno where it fails
      # @api private
      def read_on_pool(*arguments) = POOL.run { read_disk(*arguments) }

      # @return [Integer] bytes; a negative errno where it fails
      # @api private
      def write_on_pool(*arguments) = POOL.run { write_disk(*arguments) }
    end

    # @param hostname [String]
    # @return [Array<String>] addresses; none where it has none
    def address_resolve(hostname)
      POOL.run { Addrinfo.getaddrinfo(hostname.split("%", 2).first, nil, nil, :STREAM).map(&:ip_address).uniq }
    rescue SocketError
      []
    end

    # @param pid [Integer] as of waitpid(2)
    # @param flags [Integer]
    # @return [Process::Status]
    def process_wait(pid, flags)
      await_process(pid) if pid.positive? && (flags & Process::WNOHANG).zero?
      POOL.run { Process::Status.wait(pid, flags) }
    end

    # @return [Array<Array<IO>>, nil] as of IO.select
    def io_select(readables, writables = nil, exceptables = nil, timeout = nil)
      deadline = timeout && now + timeout
      until (ready = Fiber.blocking { IO.select(readables, writables, exceptables, 0) })
        left = deadline && deadline - now
        return if left && left <= 0

        await_any(asked(readables, IO::READABLE) + asked(writables, IO::WRITABLE) + asked(exceptables, IO::PRIORITY), left)
      end
      ready
    end

    # @param work [#call] that blocks without the interpreter's lock
    def blocking_operation_wait(work) = POOL.run { work.call }

    private

    def asked(ios, events) = (ios || []).map { |io| [IO.try_convert(io).fileno, events] }
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
