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
  # What the kernel cannot wake up for (names, files that are not in memory) is done by threads of a small pool.
  class Scheduler < FiberLoop
    POOL = Pool.new(16)

    # Waits for children that may take for ever must not keep what ends soon from the other pool.
    CHILDREN_POOL = Pool.new(256)

    # Older Rubies call this hook without their own lock, and are never the same again.
    undef_method :io_pwrite if RUBY_VERSION < "4.0"

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
      if pid.positive? && flags.zero?
        loop do
          status = Process::Status.wait(pid, Process::WNOHANG)
          return status if status
          break unless await_process(pid)
        end
      end
      CHILDREN_POOL.run { Process::Status.wait(pid, flags) }
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

    # @param work [#call] what would block the thread, and needs no fiber
    # @return [Object] what it gives
    def blocking_operation_wait(work) = POOL.run { work.call }

    # Waits for all fibers to end.
    def close
      super
    ensure
      [POOL, CHILDREN_POOL].each { |pool| pool.abandon(Thread.current) }
    end

    # One that raises something in a fiber which waits has gone nowhere by itself.
    module Raising
      # @raise [FiberError] as of Fiber
      def raise(...)
        scheduler = Fiber.scheduler
        scheduler.is_a?(FiberLoop) ? scheduler.raising { super(...) } : super
      end
    end
    Fiber.prepend(Raising)

    private

    def asked(ios, events) = (ios || []).map { |io| [IO.try_convert(io).fileno, events] }
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
