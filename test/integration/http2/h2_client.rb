# frozen_string_literal: true

require "json"
require "open3"

module HyperionTest
  # An HTTP/2 client that a test drives step by step; python's `h2` speaks the protocol, in a process of
  # its own. Everything that waits has a deadline.
  #
  #   client = H2Client.new("127.0.0.1", port)
  #   stream = client.request("POST", "/echo", end: false)
  #   client.data(stream, "abc", end: true)
  #   client.response(stream).status   # => 200
  class H2Client
    class TimedOut < StandardError; end

    # What came of one stream. `reset` is the error code of a reset, `ended` whether it came to its end.
    Response = Struct.new(:status, :headers, :body, :trailers, :informational, :reset, :ended, keyword_init: true) do
      def values(name) = headers.filter_map { |key, value| value if key == name }
      def [](name) = values(name).then { |found| found.size > 1 ? raise("#{name} came #{found.size} times") : found.first }
      def json = JSON.parse(body)
    end

    PROGRAM = File.join(__dir__, "h2_client.py")
    PYTHON = "/usr/bin/python3"
    TIMEOUT_S = 20

    def self.available? = @available ||= system(PYTHON, "-c", "import h2", err: File::NULL)

    # @param ca [String, nil] path of what the server's certificate is verified by; nil is h2c
    # @param settings [Hash] of the client, by h2's names
    # @param window [Integer, nil] room for all streams together, on top of 65,535 bytes
    # @param hold [Boolean] whether no room is given back for what arrives
    def initialize(host, port, ca: nil, settings: {}, window: nil, hold: false)
      @authority = ca ? "localhost:#{port}" : "#{host}:#{port}"
      @scheme = ca ? "https" : "http"
      @input, @output, @waiter = Open3.popen2(PYTHON, PROGRAM)
      @lock = Mutex.new
      @grown = ConditionVariable.new
      @events = []
      @reader = Thread.new { collect }
      write(host: host, port: port, ca: ca, settings: settings, window: window, hold: hold)
    end

    attr_reader :authority, :scheme

    # Begins a request.
    # @param headers [Hash, Array] an Array value is several fields; those that begin with a colon replace the usual ones
    # @return [Integer] the stream
    def request(method, path, headers = {}, end: true, body: nil)
      pseudo = { ":method" => method, ":scheme" => scheme, ":authority" => authority, ":path" => path }
      fields = pseudo.merge(headers).flat_map { |name, value| Array(value).map { |one| [name, one] } }
      stream = start(fields, end: body ? false : binding.local_variable_get(:end))
      data(stream, body, end: true) if body
      stream
    end

    # Begins a request with exactly these fields.
    def start(fields, end: true)
      from = @lock.synchronize { @events.size }
      order(:request, headers: fields.map { |pair| pair.map { |text| latin(text) } }, end: binding.local_variable_get(:end))
      wait(from: from) { |event| event["event"] == "Requested" }["stream"]
    end

    def data(stream, bytes, end: false, repeat: 1)
      order(:data, stream: stream, text: latin(bytes), end: binding.local_variable_get(:end), repeat: repeat)
    end

    def trailers(stream, fields) = order(:trailers, stream: stream, headers: fields.to_a)
    def reset(stream, code = 8) = order(:reset, stream: stream, code: code)
    def ping(text = "12345678") = order(:ping, text: text)
    def window(size, stream = nil) = order(:window, size: size, stream: stream)
    def settings(values) = order(:settings, values: values)
    def hold(stream = nil) = order(:hold, stream: stream)
    def release = order(:release)
    def raw(bytes) = order(:raw, text: latin(bytes))

    # Waits for the end of a stream.
    # @return [Response]
    def response(stream, timeout: TIMEOUT_S)
      wait(timeout: timeout) { |event| over?(event, stream) }
      so_far(stream)
    end

    # One request and its response.
    def fetch(...) = response(request(...))
    def get(path, headers = {}) = fetch("GET", path, headers)
    def post(path, body, headers = {}) = fetch("POST", path, headers, body: body)

    # What has come of a stream.
    def so_far(stream)
      found = events.select { |event| event["stream"] == stream }
      heads = found.select { |event| %w[ResponseReceived].include?(event["event"]) }
      head = heads.first && heads.first["headers"]
      Response.new(status: head && head.assoc(":status").last.to_i, headers: head&.drop(1), body: body_of(found),
        trailers: of(found, "TrailersReceived").first&.fetch("headers"), reset: of(found, "StreamReset").first&.fetch("code"),
        informational: of(found, "InformationalResponseReceived").map { |event| event["headers"] },
        ended: of(found, "StreamEnded").any?)
    end

    # Waits until the body of a stream has these bytes in it.
    def await_body(stream, text)
      wait { so_far(stream).body.include?(text) }
      so_far(stream)
    end

    # Waits for an event by its name, or by a block.
    # @return [Hash]
    def await(name, timeout: TIMEOUT_S, from: 0) = wait(timeout: timeout, from: from) { |event| event["event"] == name }

    def events = @lock.synchronize { @events.dup }

    # Names of what has come so far.
    def named(name) = events.select { |event| event["event"] == name }

    def close
      @input.close unless @input.closed?
      Process.kill(:KILL, @waiter.pid) if @waiter.alive?
      @waiter.join
      @reader.join
      @output.close
    rescue Errno::ESRCH
      nil
    end

    private

    def over?(event, stream)
      event["event"] == "Closed" || (event["stream"] == stream && %w[StreamEnded StreamReset].include?(event["event"]))
    end

    def of(events, name) = events.select { |event| event["event"] == name }
    def body_of(events) = of(events, "DataReceived").map { |event| event["data"].encode("ISO-8859-1").b }.join

    # JSON has text, the wire has bytes.
    def latin(bytes) = bytes.b.force_encoding("ISO-8859-1").encode("UTF-8")

    def order(name, **rest) = write(do: name, **rest.compact)

    def write(**command)
      @input.puts(JSON.generate(command))
      @input.flush
    rescue Errno::EPIPE
      raise "the client has ended: #{events.last(3)}"
    end

    def collect
      @output.each_line do |line|
        event = JSON.parse(line)
        @lock.synchronize do
          @events << event
          @grown.broadcast
        end
      end
    rescue IOError, JSON::ParserError
      nil # cut off by `close`
    end

    def wait(timeout: TIMEOUT_S, from: 0)
      deadline = now + timeout
      loop do
        found = events.drop(from)
        if (event = found.find { |one| yield one })
          return event
        end

        left = deadline - now
        raise TimedOut, "not in #{timeout} s; came: #{summary(found)}" if left <= 0

        @lock.synchronize { @grown.wait(@lock, left) if @events.size == from + found.size }
      end
    end

    def summary(found) = found.last(12).map { |event| event.to_s[0, 200] }.join("\n")
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
