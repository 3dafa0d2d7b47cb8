# frozen_string_literal: true

require_relative "configuration"
require_relative "listeners"
require_relative "service"

module Hyperion
  # A server inside another program: threads of this process, no master, no signals, no files.
  #
  #   server = Hyperion::Server.new(app: app, port: 0, threads: 2)
  #   server.start
  #   server.port # => 40213
  #   server.stop
  class Server
    # @return [Configuration]
    attr_reader :configuration

    # @param app [#call] a Rack app
    # @param options [Hash{Symbol=>Object}] options by name, as in the configuration file
    # @raise [ConfigurationError]
    def initialize(app:, **options)
      raise ConfigurationError, ["app: #{app.inspect} has no method call"] unless app.respond_to?(:call)

      @app = app
      @configuration = Configuration.for_program(options)
      @lock = Mutex.new
    end

    # Listens and serves; returns at once. Does nothing while it serves.
    # @return [self]
    # @raise [Error] where a socket cannot be opened or the engine not be started
    def start
      @lock.synchronize { @service || launch }
      self
    end

    # @return [Integer, nil] the port of the first TCP address, while it serves
    def port = @listeners&.port

    # @return [Array<String>] URLs of all addresses, while it serves
    def urls = @listeners&.urls || []

    # @return [Hash{Symbol=>Integer}] counters by name
    def stats = @service&.stats || {}

    # Accepts no more, lets requests in flight finish within the graceful timeout, and ends.
    # May be called again, and `start` behind it.
    # @return [nil]
    def stop
      @lock.synchronize { @service && land }
      nil
    end

    private

    def launch
      deaths = Thread::Queue.new
      Service.engine_class
      @listeners = Listeners.new(@configuration.bind)
      service = Service.new(@app, @configuration, @listeners.for_slot(0), died: ->(index) { deaths << index })
      @service = service
      @replacing = Thread.new { loop { service.replace(deaths.pop) } }
    ensure
      take_down unless @service
    end

    def land
      @service.drain
      @listeners.remove_files
      @service.wait_drained
      @service.stop
    ensure
      @replacing.kill
      @service = nil
      take_down
    end

    def take_down
      @listeners&.close
      @listeners&.remove_files
      @listeners = nil
    end
  end
end
