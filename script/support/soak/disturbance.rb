# frozen_string_literal: true

module Soak
  # What happens to a server in its life, one thing after the other: signals, and workers that end.
  class Disturbance
    KINDS = %i[reload end_worker kill_worker ask_for_restart].freeze
    REPLACED_S = 30

    # Nobody replaced the worker.
    class Missing < StandardError; end

    # How often each has happened.
    attr_reader :counts

    def initialize(server, census, ledger, calm)
      @server = server
      @census = census
      @ledger = ledger
      @calm = calm
      @next = KINDS.cycle
      @counts = Hash.new(0)
    end

    # @raise [Missing]
    def strike
      kind = @next.next
      @counts[kind] += 1
      public_send(kind)
    end

    # Logs are opened and certificates read again.
    def reload = @server.signal(:HUP)

    # For those who come from Puma: logged, and nothing else.
    def ask_for_restart = @server.signal(:USR1)

    # Nothing may be lost.
    def end_worker
      @calm.alone do
        @ledger.end_worker
        replace { |pid| Process.kill(:TERM, pid) }
      end
    end

    # What the worker holds is known before, since a process that is stopped takes nothing more.
    def kill_worker
      @calm.alone do
        replace do |pid|
          Process.kill(:STOP, pid)
          await("it does not stop") { HyperionTest::ThreadStates.stopped?(pid) }
          @ledger.kill(@census.client_ports(pid))
          Process.kill(:KILL, pid)
        end
      end
    end

    private

    def replace
      former = @census.younger or raise Missing, "there is one worker"
      log_size = @server.log.size
      yield former
      @server.wait_for_log(/worker restarted.*#{former}/, timeout: REPLACED_S, from: log_size)
      await("worker #{former} is still there") { !@census.workers.include?(former) }
    end

    def await(message)
      deadline = now + REPLACED_S
      until yield
        raise Missing, message if now > deadline

        sleep(0.002)
      end
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
