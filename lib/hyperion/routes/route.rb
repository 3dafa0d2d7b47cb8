# frozen_string_literal: true

require_relative "route_headers"

module Hyperion
  # A method of a path that is answered without the Rack app. Immutable.
  class Route
    METHODS = %w[GET HEAD POST PUT PATCH DELETE OPTIONS TRACE].freeze
    # What a request target may hold before its query.
    PATH = %r{\A/[!-"$->@-~]*\z}

    # @return [Integer] unlike that of anything else registered in this process
    attr_reader :number
    # @return [String] in upper case
    attr_reader :method
    # @return [String] as in the request line
    attr_reader :path
    # @return [String] the line that registered it
    attr_reader :place

    # @raise [ArgumentError] naming what is wrong and what would be right
    def initialize(number, method, path, place)
      @number = number
      @method = parse_method(method)
      @path = parse_path(path)
      @place = place
    end

    # @return [Array] what no other route may have
    # @api private
    def key = [method, path]

    # @return [String]
    def to_s = "#{method} #{path}"

    private

    def parse_method(method)
      known = (method.is_a?(String) || method.is_a?(Symbol)) && METHODS.find { |name| name.casecmp?(method.to_s) }
      known || raise(ArgumentError, "#{method.inspect} is not a method of a route; give one of #{METHODS.join(", ")}")
    end

    def parse_path(path)
      raise ArgumentError, "path: #{path.inspect} is not a String; give a path such as \"/hello\"" unless path.is_a?(String)
      raise ArgumentError, "path: #{path.inspect} does not begin with /" unless path.start_with?("/")
      raise ArgumentError, "path: #{path.inspect} has a query or fragment; routes match paths only" if path.b.match?(/[?#]/)
      raise ArgumentError, "path: #{path.inspect} never comes like this in a request; escape it as in a URL" unless path.b.match?(PATH)

      path.dup.freeze
    end

    # A response that is rendered once.
    class Static < Route
      STATUS = (200..999)
      BODILESS = [204, 205, 304].freeze
      DECIDED = %w[content-length date keep-alive trailer transfer-encoding].freeze
      ETAG = %r{\A(?:W/)?"[!#-~\x80-\xff]*"\z}n

      # Parameters as of {Server.handle_static}.
      # @raise [ArgumentError]
      def initialize(number, method, path, place, body:, status: 200, headers: {}, content_type: "text/plain")
        super(number, method, path, place)
        @status = parse_status(status)
        @body = parse_body(body)
        @headers = with_type(parse_headers(headers), content_type)
        freeze
      end

      # @return [Symbol] how the boot line counts it
      # @api private
      def mode = :native

      # @return [Hash{Symbol=>Object}] for the engine
      # @api private
      def native
        { kind: :static, number: number, place: place, method: method, path: path, status: @status, headers: @headers, body: @body }
      end

      private

      def parse_status(status)
        return status if status.is_a?(Integer) && STATUS.cover?(status)

        raise ArgumentError, "status: #{status.inspect} is not a final status; give an Integer from #{STATUS.begin} to #{STATUS.end}"
      end

      def parse_body(body)
        raise ArgumentError, "body: #{body.inspect[0, 80]} is not a String; a response made per request is for Hyperion::Server.handle" unless body.is_a?(String)
        raise ArgumentError, "body: a response with status #{@status} has none; give \"\"" if BODILESS.include?(@status) && !body.empty?

        body.b.freeze
      end

      def parse_headers(headers)
        parsed = RouteHeaders.parse(headers, DECIDED)
        etags = parsed.filter_map { |name, value| value if name == "etag" }
        wrong = etags[1] || etags.find { |etag| !etag.match?(ETAG) }
        raise ArgumentError, "headers: #{wrong} is not the one etag of a response; give it in quotes, as \"\\\"v1\\\"\"" if wrong

        parsed
      end

      def with_type(headers, type)
        return headers if type.nil? || BODILESS.include?(@status) || headers.any? { |name, _| name == "content-type" }

        raise ArgumentError, "content_type: #{type.inspect} is not a String such as \"text/html\"" unless type.is_a?(String)

        [*RouteHeaders.parse({ "content-type" => type }, []), *headers].freeze
      end
    end

    # A block that answers with a Rack triplet.
    class Block < Route
      # @param block [#call] takes an env
      # @raise [ArgumentError]
      def initialize(number, method, path, place, block)
        super(number, method, path, place)
        raise ArgumentError, "a block that takes an env and returns status, headers and body is missing" unless block

        @block = block
        freeze
      end

      # @return [Symbol] how the boot line counts it
      # @api private
      def mode = :block

      # @return [Hash{Symbol=>Object}] for the engine
      # @api private
      def native = { kind: :block, number: number, method: method, path: path, block: @block }
    end
  end
end
