# frozen_string_literal: true

require "optparse"

module Soak
  # What the command line asks.
  Options = Struct.new(:minutes, :io, :rate, :port, :seed, keyword_init: true) do
    # @raise [OptionParser::ParseError]
    def self.parse(arguments)
      options = new(minutes: 60.0, io: "epoll", rate: 30.0, port: 0, seed: Random.new_seed % 1_000_000)
      rest = parser(options).parse(arguments)
      raise OptionParser::InvalidArgument, rest.join(" ") unless rest.empty?

      options
    end

    def self.parser(options)
      OptionParser.new do |parser|
        parser.on("--minutes N", Float) { |minutes| options.minutes = minutes }
        parser.on("--io DRIVER", %w[epoll io_uring]) { |io| options.io = io }
        parser.on("--rate N", Float, "visits in a second") { |rate| options.rate = rate }
        parser.on("--port N", Integer, "of the plain address; the next one speaks TLS") { |port| options.port = port }
        parser.on("--seed N", Integer) { |seed| options.seed = seed }
      end
    end
    private_class_method :parser
  end
end
