# frozen_string_literal: true

require "json"

module HyperionTest
  # One HTTP/1 response as it stood on the wire.
  #
  # `headers` and `trailers` are lists of [name, value] as received, names in the received case.
  # `framing` tells how the body was delimited: :none, :length, :chunked or :close.
  # `informational` holds the 1xx responses that came before it.
  HttpResponse = Struct.new(:version, :status, :reason, :headers, :body, :trailers, :framing, :informational,
    :chunks, keyword_init: true) do
    # All values of a header, in order.
    def values(name) = headers.select { |key, _| key.casecmp?(name) }.map(&:last)

    # The only value of a header, or nil; raises when there are several.
    def [](name)
      found = values(name)
      raise "#{name} came #{found.size} times: #{found.inspect}" if found.size > 1

      found.first
    end

    def json = JSON.parse(body)

    # Whether the server announced the end of the connection.
    def close? = values("connection").any? { |value| value.downcase.split(/\s*,\s*/).include?("close") }
  end

  # Reads one response from a source that answers `read_line` (up to CRLF, without it),
  # `read_exactly(count)` and `read_rest` (up to the end). Strict: what no client should have to
  # tolerate raises MalformedResponse.
  class ResponseReader
    class MalformedResponse < StandardError; end

    STATUS_LINE = %r{\AHTTP/(1\.[01]) ([1-5]\d\d) ([\t -~]*)\z}.freeze
    FIELD = /\A([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*\z/mn.freeze
    BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/n.freeze

    def initialize(source)
      @source = source
    end

    # @param head [Boolean] whether this answers a HEAD request
    # @return [HttpResponse]
    def read(head: false)
      informational = []
      response = read_head
      while response.status < 200 && response.status != 101
        informational << response
        response = read_head
      end
      response.informational = informational
      read_body(response, head)
      response
    end

    # One response head only, 1xx included.
    def read_head
      version, status, reason = parse_status_line(@source.read_line)
      HttpResponse.new(version: version, status: status, reason: reason, headers: read_fields,
        body: +"".b, trailers: [], framing: :none, informational: [], chunks: [])
    end

    private

    def parse_status_line(line)
      match = STATUS_LINE.match(line) or raise MalformedResponse, "status line #{line.inspect}"
      [match[1], match[2].to_i, match[3]]
    end

    def read_fields
      fields = []
      until (line = @source.read_line).empty?
        match = FIELD.match(line)
        raise MalformedResponse, "field #{line.inspect}" if !match || BAD_VALUE.match?(match[2])

        fields << [match[1], match[2]]
      end
      fields
    end

    def read_body(response, head)
      response.framing = framing(response, head)
      case response.framing
      when :length then response.body << @source.read_exactly(content_length(response), into: response.body)
      when :chunked then read_chunks(response)
      when :close then response.body << @source.read_rest
      end
    end

    def framing(response, head)
      coding = response.values("transfer-encoding")
      length = content_length(response)
      raise MalformedResponse, "both length and coding: #{response.headers}" if length && coding.any?
      return :none if head || response.status < 200 || [204, 304].include?(response.status)
      return length ? :length : :close if coding.empty?
      raise MalformedResponse, "transfer-encoding #{coding.inspect}" unless coding == ["chunked"]

      :chunked
    end

    def content_length(response)
      values = response.values("content-length")
      return if values.empty?
      raise MalformedResponse, "content-length #{values.inspect}" unless values.size == 1 && values[0].match?(/\A\d+\z/)

      values[0].to_i
    end

    def read_chunks(response)
      loop do
        line = @source.read_line
        raise MalformedResponse, "chunk size #{line.inspect}" unless line.match?(/\A\h+(;|\z)/)
        break if (size = line.hex).zero?

        response.chunks << size
        response.body << @source.read_exactly(size, into: response.body)
        raise MalformedResponse, "no CRLF behind a chunk" unless @source.read_line.empty?
      end
      response.trailers = read_fields
    end
  end
end
