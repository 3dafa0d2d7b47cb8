# frozen_string_literal: true

require "socket"
require "stringio"

# An engine in plain Ruby with the interface of the native one: one request per connection, no limits.
# Enough to see what the processes around it do. Where it is required, it stands in for the native library.
class FakeEngine
  READ_S = 0.05

  # Blocks that forget.
  class Segment
    attr_accessor :phase

    def initialize(blocks)
      @free = [*0...blocks]
      @phase = :booting
    end

    def claim = @free.shift
    def release(block) = (@free << block).sort!
    def restarted(reason) = (@restarts ||= []) << reason
    def stalled = @stalls = @stalls.to_i + 1
    def stats = { restarts: @restarts.to_a, workers: [] }
    def text(format) = "# as #{format}\n"
  end

  # It has no native thread, and forces nobody.
  class << self
    def force_exit(_settings) = nil
    def watch_signals = nil
    def announce_stop = nil
    def begins_threads? = true
    def end_watch = nil
  end

  attr_reader :settings, :calls
  attr_accessor :routes, :hooks

  def initialize(app, settings)
    @app = app
    @settings = settings
    @calls = []
    @listeners = []
    @jobs = []
    @lock = Mutex.new
    @busy = 0
  end

  def listen(descriptor, _tls = nil)
    borrowed = Socket.for_fd(descriptor)
    borrowed.autoclose = false
    @listeners << borrowed.dup
    nil
  end

  def listen_admin(descriptor) = listen(descriptor)

  def start
    @acceptor = Thread.new { accept_until_drained }
    nil
  end

  def run_executor
    until @stopped
      job = @lock.synchronize { @jobs.shift&.tap { @busy += 1 } }
      job ? answer(job) : sleep(0.005)
    end
  end

  def refuse_clients = @refuses_clients = true
  def last_call = @calls << :last_call

  def drain
    @draining = true
    nil
  end

  def wait_drained(seconds)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    until @lock.synchronize { @listeners.empty? && @jobs.empty? && @busy.zero? }
      return false if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

      sleep 0.01
    end
    true
  end

  def stop
    @draining = @stopped = true
    @acceptor&.join(1)
    nil
  end

  def stats = { requests: @calls.size, reactor_beats: @beats = @beats.to_i + 1 }
  def cover(slot, descriptors) = @calls << [:cover, slot, descriptors.size]
  def uncover(slot) = @calls << [:uncover, slot]
  def io_driver = "fake"

  def reopen_log
    @calls << :reopen_log
    nil
  end

  def log(level, message, fields = {})
    $stdout.write("engine #{level} #{message} #{fields.map { |name, value| "#{name}=#{value}" }.join(" ")}".strip, "\n")
    nil
  end

  private

  def accept_until_drained
    until @draining
      ready, = IO.select(@listeners, nil, nil, 0.02)
      ready&.each do |listener|
        client, = listener.accept_nonblock(exception: false)
        @lock.synchronize { @jobs << client } if client.is_a?(Socket)
      end
    end
  ensure
    @listeners.each(&:close)
    @lock.synchronize { @listeners.clear }
  end

  def answer(client)
    line = client.gets or return
    nil until ["\r\n", nil].include?(client.gets)
    method, target, = line.split
    path, _, query = target.partition("?")
    status, headers, body = @app.call("REQUEST_METHOD" => method, "PATH_INFO" => path, "QUERY_STRING" => query, "rack.input" => StringIO.new)
    head = headers.map { |name, value| "#{name}: #{value}\r\n" }.join
    text = +""
    body.each { |part| text << part }
    client.write("HTTP/1.1 #{status} OK\r\n#{head}content-length: #{text.bytesize}\r\nconnection: close\r\n\r\n#{text}")
  ensure
    client.close
    @lock.synchronize { @busy -= 1 }
  end
end

require "hyperion"
Hyperion::EngineRunner.engine_class = FakeEngine
