# frozen_string_literal: true

require "open3"
require "tempfile"
require "uri"

module HyperionTest
  # The small browser of the application tests, over HTTP/2: curl with a jar for cookies.
  class H2Browser
    # What those tests ask of a response.
    Response = Struct.new(:version, :code, :fields, :body) do
      def fields_of(name) = fields.filter_map { |key, value| value if key.casecmp?(name) }
      def [](name) = fields_of(name).then { |found| found.join(", ") unless found.empty? }
    end

    attr_reader :jar

    # @param flags [Array<String>] of curl, that choose the protocol
    def initialize(base, *flags)
      @base = base
      @flags = flags
      @jar = {}
    end

    def get(path, headers = {}) = ask(path, headers)
    def delete(path) = ask(path, {}, "--request", "DELETE")
    def put(path, body) = ask(path, { "content-type" => "text/plain" }, "--request", "PUT", "--data-binary", body)

    def post(path, fields)
      ask(path, {}, "--data", URI.encode_www_form(fields))
    end

    def upload(path, fields)
      Tempfile.create("upload", binmode: true) do |file|
        parts = fields.flat_map { |name, value, about| ["--form", about ? keep(file, name, value, about) : "#{name}=#{value}"] }
        ask(path, {}, *parts)
      end
    end

    def close = nil

    private

    def keep(file, name, value, about)
      file.write(value.string)
      file.flush
      "#{name}=@#{file.path};filename=#{about[:filename]};type=#{about[:content_type]}"
    end

    def ask(path, headers, *rest)
      headers = headers.merge("cookie" => @jar.map { |pair| pair.join("=") }.join("; ")) unless @jar.empty?
      lines = headers.flat_map { |name, value| ["--header", "#{name}: #{value}"] }
      output, errors, status = Open3.capture3("curl", "--silent", "--show-error", "--include", "--globoff", "--max-time", "20",
        *@flags, *lines, *rest, "#{@base}#{path}", binmode: true)
      raise "curl #{path}: #{errors}" unless status.success?

      remember(parse(output))
    end

    def parse(output)
      head, body = output.split("\r\n\r\n", 2)
      return parse(body) if head.match?(%r{\AHTTP/\S+ 1})

      version, code = head.match(%r{\AHTTP/(\S+) (\d+)}).captures
      fields = head.lines(chomp: true).drop(1).map { |line| line.split(": ", 2) }
      Response.new(version, code, fields, %w[204 304].include?(code) ? nil : body.force_encoding("UTF-8"))
    end

    def remember(response)
      response.fields_of("set-cookie").each { |line| @jar.store(*line.split(";").first.split("=", 2)) }
      response
    end
  end
end
