# frozen_string_literal: true

module HyperionTest
  # Clients that ask one after the other without a pause, each in a thread: some on connections that
  # they keep until the server says close, some on a new connection for each request. They note what
  # failed, and never try a request again.
  class Load
    # `pid` is that of the process that answered before on this connection, nil on a new one.
    Failure = Struct.new(:began, :ended, :pid, :error)
    FAULTS = [RawClient::Ended, RawClient::TimedOut, ResponseReader::MalformedResponse, SystemCallError].freeze

    # @param target [String] answers with the PID of its process
    def initialize(server, target, keep: 4, short: 4, timeout: 20)
      @server = server
      @target = target
      @timeout = timeout
      @lock = Mutex.new
      @failures = []
      @answers = Hash.new(0)
      @threads = Array.new(keep) { Thread.new { ask(close: false) } } + Array.new(short) { Thread.new { ask(close: true) } }
    end

    # @return [Array<Failure>] so far
    def failures = @lock.synchronize { @failures.dup }

    # @return [Hash{Integer=>Integer}] answers so far, by process
    def answers = @lock.synchronize { @answers.dup }

    # Lets each client finish its request.
    def stop
      @stopped = true
      @threads.each(&:join)
      self
    end

    private

    def ask(close:)
      client = pid = nil
      until @stopped
        began = now
        begin
          client ||= @server.connect(timeout: @timeout)
          response = client.get(@target, "connection" => close ? "close" : nil)
          pid = note(response)
          next unless response.close?
        rescue *FAULTS => e
          @lock.synchronize { @failures << Failure.new(began, now, pid, e) }
          sleep(0.01) if e.is_a?(Errno::ECONNREFUSED) || e.is_a?(Errno::ENOENT) # Nobody is there to be asked again at once.
        end
        client&.close
        client = pid = nil
      end
    ensure
      client&.close
    end

    def note(response)
      raise ResponseReader::MalformedResponse, "#{response.status} #{response.body}" unless response.status == 200

      Integer(response.body).tap { |pid| @lock.synchronize { @answers[pid] += 1 } }
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
