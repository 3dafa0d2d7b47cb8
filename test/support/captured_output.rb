# frozen_string_literal: true

module HyperionTest
  # Standard output and standard error of a child process, collected by threads as they arrive, so
  # that a test can wait for a line as an event and the child never blocks on a full pipe.
  class CapturedOutput
    # The awaited text did not come; the message shows what came instead.
    class Missing < StandardError; end

    def initialize
      @lock = Mutex.new
      @grown = ConditionVariable.new
      @all = +""
      @streams = { out: +"".b, err: +"".b }
      @pipes = { out: IO.pipe, err: IO.pipe }
      @open = @pipes.size
    end

    # Options for Process.spawn.
    def redirections = @pipes.transform_values(&:last)

    # Begins to read; to be called once, after the child was spawned.
    def start
      @readers = @pipes.map do |stream, (reader, writer)|
        writer.close
        Thread.new { collect(stream, reader) }
      end
    end

    # Both streams in order of arrival, made readable; or one stream, exactly as its bytes were.
    def text(stream = nil)
      @lock.synchronize { stream ? @streams.fetch(stream).dup.force_encoding(Encoding::UTF_8) : @all.dup }
    end

    # @return [MatchData] of the first match at or behind `from`
    def wait_for(pattern, timeout:, from: 0)
      deadline = now + timeout
      @lock.synchronize do
        until (match = pattern.match(@all, [from, @all.size].min))
          left = deadline - now
          raise Missing, missing(pattern, timeout) if left <= 0 || @open.zero?

          @grown.wait(@lock, left)
        end
        match
      end
    end

    # Ends the reading threads; what was collected stays readable.
    def close
      @readers&.each { |thread| thread.join(1) || thread.kill }
      @pipes.each_value { |reader, _| reader.close unless reader.closed? }
    end

    private

    def collect(stream, reader)
      loop { append(stream, reader.readpartial(65_536).b) }
    rescue IOError
      nil
    ensure
      @lock.synchronize do
        @open -= 1
        @grown.broadcast
      end
    end

    # Child output is bytes; for patterns, what is not UTF-8 is shown rather than lost.
    def append(stream, bytes)
      text = bytes.dup.force_encoding(Encoding::UTF_8)
      text = text.scrub { |bad| bad.bytes.map { |byte| format("<%02x>", byte) }.join } unless text.valid_encoding?
      @lock.synchronize do
        @all << text
        @streams.fetch(stream) << bytes
        @grown.broadcast
      end
    end

    def missing(pattern, timeout)
      why = @open.zero? ? "the output ended" : "not within #{timeout} s"
      "#{pattern.inspect} was not printed (#{why}); printed was:\n#{@all}"
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
