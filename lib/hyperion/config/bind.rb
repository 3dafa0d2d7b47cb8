# frozen_string_literal: true

require_relative "kinds"

module Hyperion
  # One address to listen on, as it was typed: a host with or without a port, or a UNIX socket.
  class Bind
    UNIX_PATH_BYTES = 107
    HOST = /\A(?:\[(?<six>\h*:[\h:.]*(?:%[\w.-]+)?)\]|(?<name>[\w.-]+))(?::(?<port>\d+))?\z/

    # @return [Symbol, nil] :ssl speaks TLS, :tcp and :unix do not; nil does where there is a certificate
    attr_reader :scheme
    # @return [String, nil] a name or an address without brackets
    attr_reader :host
    # @return [Integer, nil] nil where the option `port` decides
    attr_reader :port
    # @return [String, nil] of a UNIX socket
    attr_reader :path
    # @return [Integer, nil] permission bits of a UNIX socket
    attr_reader :mode
    # @return [Hash{Symbol=>Array<String>}] what stands behind the address: cert, key, client_ca, client_auth
    attr_reader :parameters
    # @return [Hash{Symbol=>Object}, nil] what a Tls is made of; nil for plain text
    attr_reader :tls

    # @param text [String] host, host:port, tcp://host:port, ssl://host:port?cert=PATH&key=PATH or unix://path?mode=0660
    # @raise [Kinds::Invalid]
    def self.parse(text)
      case text
      when %r{\Aunix://(?<rest>.*)\z}m then parse_unix(text, Regexp.last_match[:rest])
      when %r{\Assl://(?<rest>[^?]*)(?:\?(?<query>.*))?\z}m
        parse_tcp(text, Regexp.last_match[:rest], scheme: :ssl, parameters: BindParameters.parse(text, Regexp.last_match[:query].to_s))
      when %r{\Atcp://(?<rest>.*)\z}m then parse_tcp(text, Regexp.last_match[:rest], scheme: :tcp)
      when %r{\A[a-z]\w*://} then raise Kinds::Invalid, "#{text.inspect} is neither tcp:// nor ssl:// nor unix://"
      else parse_tcp(text, text)
      end
    end

    def self.parse_tcp(text, rest, **others)
      rest = "[#{rest}]" if rest.count(":") > 1 && !rest.start_with?("[")
      match = HOST.match(rest)
      raise Kinds::Invalid, "#{text.inspect} is not host, host:port or [address]:port" unless match

      port = match[:port]&.to_i
      raise Kinds::Invalid, "#{text.inspect}: the port is not from 0 to 65535" if port && port > 65_535

      new(host: match[:six] || match[:name], port: port, **others)
    end
    private_class_method :parse_tcp

    def self.parse_unix(text, rest)
      path, _, query = rest.partition("?")
      wrong = "a path is missing" if path.empty?
      wrong = "abstract sockets are not supported; name a file" if path.start_with?("@")
      wrong = "the path is longer than #{UNIX_PATH_BYTES} bytes" if File.expand_path(path).bytesize > UNIX_PATH_BYTES
      wrong = "only ?mode=0660 is understood behind the path" unless query.empty? || query.match?(/\Amode=0?[0-7]{3}\z/)
      raise Kinds::Invalid, "#{text.inspect}: #{wrong}" if wrong

      new(path: path, mode: query[/\d+/]&.to_i(8))
    end
    private_class_method :parse_unix

    def initialize(host: nil, port: nil, path: nil, mode: nil, scheme: nil, parameters: {}, tls: nil)
      @host = host
      @port = port
      @path = path && File.expand_path(path)
      @mode = mode
      @scheme = path ? :unix : scheme
      @parameters = parameters.freeze
      @tls = tls.freeze
      freeze
    end

    def unix? = !path.nil?

    # @return [Bind] with this port, unless it has one or needs none
    def with_default_port(port) = unix? || @port ? self : with(port: port)

    # @param tls [Hash{Symbol=>Object}, nil] what a Tls is made of
    # @return [Bind] that speaks it, or plain text
    def with_tls(tls) = tls || scheme.nil? ? with(tls: tls, scheme: tls ? :ssl : :tcp) : self

    # Without a port given the one a listening socket has got.
    # @return [String] as an address bar or a banner shows it
    def url(port = @port) = unix? ? "unix://#{path}" : "#{scheme == :ssl ? "https" : "http"}://#{authority(port)}"

    # @return [String] in short, for messages
    def address = unix? ? url : "#{"#{scheme}://" if scheme}#{authority(port)}"

    # @return [String] a form that `parse` reads
    def to_s = "#{address}#{unix? ? (format("?mode=%04o", mode) if mode) : BindParameters.show(parameters)}"

    def ==(other) = other.is_a?(Bind) && other.to_s == to_s

    private

    def authority(port) = "#{host.include?(":") ? "[#{host}]" : host}#{":#{port}" if port}"

    def with(**changes)
      Bind.new(host: host, port: port, path: path, mode: mode, scheme: scheme, parameters: parameters, tls: tls, **changes)
    end

    # One address, complete.
    class One < Kinds::Kind
      # Of a socket file, unless the address says otherwise: whoever may connect may ask.
      MODE = 0o600

      def initialize = super(metavar: "ADDR", rbs: "Bind")
      def range_phrase = "an address such as 127.0.0.1:9293, [::1]:9293 or unix:///run/admin.sock?mode=0600"

      private

      def convert(raw)
        bind = raw.to_s.strip.empty? ? nil : Bind.parse(raw.to_s.strip)
        return Bind.new(path: bind.path, mode: bind.mode || MODE) if bind&.unix?

        bind if bind&.port && bind.scheme != :ssl
      end
    end

    # Several addresses: one per flag or line, or comma-separated in a variable.
    class List < Kinds::Kind
      def initialize = super(metavar: "ADDR", rbs: "Array[Bind]")
      def repeatable? = true
      def range_phrase = "an address such as 127.0.0.1, tcp://[::]:9292, ssl://0.0.0.0:9443 or unix:///run/app.sock?mode=0660"
      def show(value) = value.join(", ")

      private

      def convert(raw)
        texts = Array(raw).flat_map { |text| text.to_s.split(",") }.map(&:strip).reject(&:empty?)
        texts.map { |text| Bind.parse(text) } unless texts.empty?
      end
    end
  end
end

require_relative "bind_parameters"
