# frozen_string_literal: true

require_relative "process/certificates"
require_relative "config/configuration"
require_relative "process/listeners"
require_relative "metrics"
require_relative "routes"
require_relative "runtime"
require_relative "process/engine_runner"

module Hyperion
  # A server inside another program: threads of this process, no master, no signals, no files.
  #
  #   server = Hyperion::Server.new(app: app, port: 0, threads: 2)
  #   server.start
  #   server.port # => 40213
  #   server.stop
  class Server
    class << self
      # @return [Routes] what is registered in this process
      def routes = Routes.default

      # Answers a method of a path with a response that never differs, without running any Ruby. It is
      # rendered once; `date` is always fresh, and a 200 gets an `etag`, so that conditional requests
      # are answered 304. A route for GET answers HEAD too. The query of a request is ignored.
      # @param method [Symbol, String] one of Route::METHODS, in any case
      # @param path [String] as it stands in the request line, escaped
      # @param body [String] its bytes are copied
      # @param status [Integer] 200 to 999
      # @param headers [Hash{String, Symbol=>String, Array<String>}]
      # @param content_type [String, nil] unless `headers` have one
      # @return [nil]
      # @raise [ArgumentError] naming what is wrong, as does a second registration of the same route
      def handle_static(method, path, body, status: 200, headers: {}, content_type: "text/plain")
        routes.static(method, path, body, status: status, headers: headers, content_type: content_type)
      end

      # Answers a method of a path with a block instead of the Rack app and its middleware.
      # @param method [Symbol, String] one of Route::METHODS, in any case
      # @param path [String] as it stands in the request line, escaped
      # @yield [Hash] a complete Rack env
      # @yieldreturn [Array] status, headers and any Rack body
      # @return [nil]
      # @raise [ArgumentError] naming what is wrong, as does a second registration of the same route
      def handle(method, path, &block) = routes.block(method, path, block)

      # Serves the files of a directory without running any Ruby: GET and HEAD, ranges, conditional
      # requests. Routes come first, then the mount with the longest prefix.
      # @param prefix [String] "/" or whole segments such as "/assets"
      # @param dir [String, #to_path]
      # @param index [false, String, Array<String>] files that answer for their directory
      # @param fallthrough [Boolean] whether the app answers for files that are not there, instead of a 404
      # @param immutable [Boolean] files never change: they are read at once and kept, and clients may keep them
      # @param headers [Hash{String, Symbol=>String, Array<String>}] of each file
      # @param precompressed [Boolean] whether `.br`, `.zst` and `.gz` files beside a file are it, encoded
      # @param internal [Boolean] only the app can have files sent, by X-Accel-Redirect
      # @return [nil]
      # @raise [ArgumentError] naming what is wrong, such as a directory that is not there
      def mount_static(prefix, dir, index: false, fallthrough: true, immutable: false, headers: {}, precompressed: true, internal: false)
        routes.mount(prefix, dir, index: index, fallthrough: fallthrough, immutable: immutable,
                                  headers: headers, precompressed: precompressed, internal: internal)
      end
    end

    # @return [Configuration]
    attr_reader :configuration

    # @param app [#call] a Rack app
    # @param runtime [Runtime] whose hooks hear of each request
    # @param configuration [Configuration, nil] in the place of options
    # @param options [Hash{Symbol=>Object}] options by name, as in the configuration file
    # @raise [ConfigurationError]
    def initialize(app:, runtime: Runtime.default, configuration: nil, **options)
      raise ConfigurationError, ["app: #{app.inspect} has no method call"] unless app.respond_to?(:call)
      raise ConfigurationError, ["runtime: #{runtime.inspect} is not a Hyperion::Runtime"] unless runtime.is_a?(Runtime)

      @app = app
      @runtime = runtime
      @configuration = configuration || Configuration.for_program(options)
      @lock = Mutex.new
    end

    # Listens and serves; returns at once. Does nothing while it serves.
    # @return [self]
    # @raise [Error] where a socket cannot be opened or the engine not be started
    def start
      @lock.synchronize { @runner || launch }
      self
    end

    # @return [Integer, nil] the port of the first TCP address, while it serves
    def port = @listeners&.port

    # @return [Array<String>] URLs of all addresses, while it serves
    def urls = @listeners&.urls || []

    # @return [Hash{Symbol=>Integer, Array<Hash>}] counters by name
    def stats = @metrics&.snapshot || {}

    # Accepts no more, lets requests in flight finish within the graceful timeout, and ends.
    # May be called again, and `start` behind it; also in a signal handler, and by several threads. In a request
    # it returns at once, and the server ends behind that. In a forked child it does nothing.
    # @return [nil]
    def stop
      ending = @ending if @pid == Process.pid
      ending&.begin { land }
      ending&.wait unless @runner&.executor?(Thread.current)
      nil
    end

    # Waits until the server was stopped, by whomever; returns at once where it does not serve.
    # @return [nil]
    def wait = @ending&.wait

    # The end of one run of a server: begun once, awaited by whoever wants to. It takes no lock, as handlers of
    # signals must not.
    class Ending
      def initialize
        @tickets = Thread::Queue.new << true
        @over = Thread::Queue.new
      end

      # @yield on a thread of its own, if nobody has begun it
      def begin
        @tickets.pop(true)
        Thread.new do
          yield
        ensure
          @over.close
        end
      rescue ThreadError
        nil
      end

      def wait = @over.pop
    end
    private_constant :Ending

    private

    def launch
      deaths = Thread::Queue.new
      EngineRunner.engine_class
      @metrics = Metrics.new
      certificates = Certificates.new(@configuration.bind)
      @listeners = Listeners.new(@configuration.bind)
      @admin = Listeners.new([*@configuration.admin_bind])
      sockets = @listeners.binds_for_slot(0).transform_values { |bind| certificates.for(bind) }
      runner = EngineRunner.new(@app, @configuration, sockets, died: ->(dead) { dead == :engine ? deaths.close : deaths << dead }, runtime: @runtime,
                                                           claim: @metrics.claim(0), admin: @admin.for_slot(0))
      @metrics.phase = :serving
      Hyperion.metrics ||= @metrics
      @runner = runner
      @pid = Process.pid
      @ending = Ending.new
      @threads = [replacing(runner, deaths), *looking(certificates)]
    ensure
      take_down unless @runner
    end

    def land
      @metrics.phase = :draining
      @listeners.close
      @listeners.remove_files
      @runner.drain(for_good: true)
      @runner.wait_drained
      @runner.stop
    ensure
      @threads.each(&:kill)
      @runner = @ending = nil
      take_down
    end

    # @return [Thread] that replaces executors
    def replacing(runner, deaths)
      Thread.new { while (index = deaths.pop) do sleep(Executors::RETRY_S) until runner.replace(index) end }
    end

    # @return [Thread, nil] that reads changed certificates again
    def looking(certificates)
      return unless certificates.any?

      Thread.new { loop { sleep(Certificates::LOOK_S) && certificates.look(Hyperion.logger) } }
    end

    def take_down
      [*@listeners, *@admin].each do |listeners|
        listeners.close
        listeners.remove_files
      end
      Hyperion.metrics = nil if Hyperion.metrics.equal?(@metrics)
      @listeners = @admin = @metrics = nil
    end
  end
end
