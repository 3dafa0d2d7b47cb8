# frozen_string_literal: true

module Soak
  # Every request by its id: who asked, and how it ended. What a kill of a worker explains is counted apart.
  class Ledger
    # The answer is not the one that belongs to the request.
    class Wrong < StandardError; end

    # A worker that is about to end asks to come back (503 with Retry-After).
    class Deferred < StandardError; end

    # The visit cannot go on; it is noted here already.
    class Over < StandardError; end

    # `port` is the client's.
    Failure = Struct.new(:id, :kind, :port, :seconds, :error) do
      def to_s = format("request %d (%s, port %d, after %.1f s): %s: %s", id, kind, port, seconds, error.class, error.message[0, 300])
    end

    # For so long behind the end of a worker may others be told to come back.
    DEFERS_S = 40

    # The app notes later than the client has its answer, or has left; a worker that is killed meanwhile does not.
    NOTES_S = 5

    def initialize
      @lock = Mutex.new
      @last_id = 0
      @asked = Hash.new(0)
      @failures = []
      @killed = []
      @deferred = []
      @killed_ports = {}
      @awaited = {}
      @worker_ended_at = -DEFERS_S
    end

    # Requests by kind.
    def asked = @lock.synchronize { @asked.dup }
    # @return [Array<Failure>] that nothing explains
    def failures = @lock.synchronize { @failures.dup }
    # @return [Array<Failure>] of connections that a killed worker held
    def killed = @lock.synchronize { @killed.dup }
    # @return [Array<Failure>] of those told to come back while a worker ended
    def deferred = @lock.synchronize { @deferred.dup }

    # Yields the id of a new request; its block asks and checks.
    # @param notes [String, nil] what the app is to note about it, once
    # @raise [Over] where it failed
    def ask(kind, peer, notes: nil)
      id = begin_request(kind)
      began = now
      yield id
      @lock.synchronize { @awaited["#{notes} #{id}"] = [kind, now] } if notes
    rescue Over
      raise # A request beside this one, on the same connection.
    rescue StandardError => e
      file(Failure.new(id, kind, peer.port, now - began, e), peer)
      raise Over
    end

    # Nobody listens, or no process can be made: the visit has not begun.
    def refuse(error)
      @lock.synchronize { @failures << Failure.new(0, "connect", 0, 0, error) }
    end

    # A worker is about to be killed which holds connections of these ports of clients.
    def kill(ports)
      @lock.synchronize do
        @worker_ended_at = now
        ports.each { |port| @killed_ports[port] = now }
        @awaited.reject! { |_, (_, answered_at)| now - answered_at < NOTES_S }
      end
    end

    # A worker is asked to end.
    def end_worker = @lock.synchronize { @worker_ended_at = now }

    # @param lines [Enumerable<String>] notes of the app
    # @return [Array<String>] what was noted too often or never
    def compare(lines)
      counts = lines.map(&:chomp).tally
      @lock.synchronize do
        twice = counts.select { |_, count| count > 1 }.map { |line, count| "the app noted #{line.inspect} #{count} times" }
        never = @awaited.reject { |line, _| counts.key?(line) }.map { |line, (kind, _)| "the app never noted #{line.inspect} (#{kind})" }
        twice + never
      end
    end

    private

    def begin_request(kind)
      @lock.synchronize do
        @asked[kind] += 1
        @last_id += 1
      end
    end

    def file(failure, peer)
      @lock.synchronize { list_for(failure, peer) << failure }
    end

    def list_for(failure, peer)
      case failure.error
      when Deferred then now - @worker_ended_at < DEFERS_S ? @deferred : @failures
      when Wrong then @failures
      else @killed_ports.fetch(peer.port, -1) >= peer.opened_at ? @killed : @failures
      end
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
