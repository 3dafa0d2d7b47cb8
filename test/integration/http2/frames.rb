# frozen_string_literal: true

require "support/integration"

module HyperionTest
  # Frames of HTTP/2 made by hand (RFC 9113, section 4.1), for peers that break its rules.
  module Frames
    PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".b.freeze
    TYPES = { data: 0, headers: 1, priority: 2, rst_stream: 3, settings: 4, push_promise: 5, ping: 6, goaway: 7,
              window_update: 8, continuation: 9 }.freeze
    NAMES = TYPES.invert.freeze
    END_STREAM = 1
    ACK = 1
    END_HEADERS = 4
    PADDED = 8
    CODES = { no_error: 0, protocol_error: 1, internal_error: 2, flow_control_error: 3, stream_closed: 5, frame_size_error: 6,
              refused_stream: 7, cancel: 8, compression_error: 9, enhance_your_calm: 11 }.freeze

    Frame = Struct.new(:type, :flags, :stream, :payload) do
      def ack? = flags & 1 == 1
      def ended? = flags & 1 == 1
      # Of RST_STREAM or GOAWAY, by its name.
      def code = CODES.key(payload.unpack1(type == :goaway ? "@4N" : "N"))
      def last_stream = payload.unpack1("N") & 0x7fff_ffff
    end

    module_function

    def frame(type, payload = "", flags: 0, stream: 0, length: payload.bytesize)
      [length >> 16, length & 0xffff, TYPES.fetch(type, type), flags, stream].pack("CnCCN") + payload.b
    end

    def settings(values = {}) = frame(:settings, values.map { |id, value| [id, value].pack("nN") }.join)
    def hello(values = {}) = PREFACE + settings(values)
    def ping(payload = "12345678") = frame(:ping, payload)
    def window(size, stream = 0) = frame(:window_update, [size].pack("N"), stream: stream)
    def reset(stream, code = :cancel) = frame(:rst_stream, [CODES.fetch(code)].pack("N"), stream: stream)

    # A literal field that is not remembered, without Huffman's code (RFC 7541, section 6.2.2).
    def field(name, value) = "\0".b + string(name) + string(value)

    # A literal field that is remembered (section 6.2.1).
    def remembered(name, value) = "\x40".b + string(name) + string(value)

    def string(text) = integer(text.bytesize, 7) + text.b

    def integer(value, bits, first = 0)
      most = (1 << bits) - 1
      return [first | value].pack("C") if value < most

      bytes = [first | most]
      value -= most
      while value >= 128
        bytes << (value % 128 + 128)
        value /= 128
      end
      (bytes << value).pack("C*")
    end

    # The block of a request; what is nil is left out.
    def block(fields = {}, path: "/", method: "GET", scheme: "http", authority: "test.example")
      pseudo = { ":method" => method, ":scheme" => scheme, ":path" => path, ":authority" => authority }.compact
      (pseudo.to_a + fields.to_a).map { |name, value| field(name, value) }.join
    end

    def headers(stream, block = block(), ended: true, complete: true)
      frame(:headers, block, stream: stream, flags: (ended ? END_STREAM : 0) | (complete ? END_HEADERS : 0))
    end

    def data(stream, bytes = "", ended: false) = frame(:data, bytes, stream: stream, flags: ended ? END_STREAM : 0)

    # The next frame.
    # @param client [RawClient]
    def read(client)
      high, low, type, flags, stream = client.read_exactly(9).unpack("CnCCN")
      Frame.new(NAMES[type] || type, flags, stream & 0x7fff_ffff, client.read_exactly(high << 16 | low))
    end
  end

  # A connection whose frames are read one by one.
  class FramePeer < RawClient
    include Frames

    # Says what a client says first.
    def hello(values = {}) = tap { write(Frames.hello(values)) }

    # The frames up to the first of which the block is true.
    def frames_until(timeout: TIMEOUT_S)
      found = []
      within(timeout) do
        loop do
          found << read(self)
          return found if yield found.last
        end
      end
    rescue Ended => e
      raise Ended.new("#{e.message}; frames: #{found.map(&:type)}", found)
    end

    # The frames up to the end of the connection.
    def frames_to_end(timeout: TIMEOUT_S)
      frames_until(timeout: timeout) { false }
    rescue Ended => e
      e.partial
    end

    # The last frame of a response, or its reset.
    def await_stream(stream, timeout: TIMEOUT_S)
      frames_until(timeout: timeout) { |one| one.stream == stream && (one.type == :rst_stream || (%i[headers data].include?(one.type) && one.ended?)) }.last
    end
  end
end
