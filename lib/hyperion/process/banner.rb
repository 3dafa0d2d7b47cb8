# frozen_string_literal: true

require_relative "../config/default_address"
require_relative "../version"

module Hyperion
  # What is printed when the server listens. Tools wait for its `Listening on` lines.
  class Banner
    # @param io_driver [String]
    # @param routes [String, nil] what is answered without the app
    # @param admin [String, nil] where the server answers for itself
    def initialize(configuration, urls, io_driver:, routes: nil, admin: nil)
      @configuration = configuration
      @urls = urls
      @io_driver = io_driver
      @routes = routes
      @admin = admin
    end

    # @return [String]
    def to_s
      facts = { "Mode" => mode, "Threads" => threads, "I/O" => @io_driver, "Routes" => @routes, "Admin" => @admin, "Addresses" => addresses,
                "Environment" => @configuration.environment, "App" => @configuration.rackup, "PID" => Process.pid }.compact
      width = facts.keys.map(&:size).max
      ["Hyperion #{VERSION} on #{RUBY_DESCRIPTION}", *facts.map { |name, fact| "  #{name.ljust(width)}  #{fact}" },
       *@urls.map { |url| "Listening on #{url}" }, "Use Ctrl-C to stop", ""].join("\n")
    end

    private

    def threads
      fibers = @configuration.async_io ? ", #{@configuration.fibers} fibers" : ""
      "#{@configuration.threads}#{fibers} per process"
    end

    def addresses = DefaultAddress.reason(@configuration.source(:bind), @configuration.environment)

    def mode
      return "one process" unless @configuration.cluster?

      "#{@configuration.workers} workers, #{@configuration.worker_model}#{", preloaded" if @configuration.preload}"
    end
  end
end
