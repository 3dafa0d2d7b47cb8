# frozen_string_literal: true

require_relative "executors"
require_relative "fiber_settings"
require_relative "../error"
require_relative "../routes"
require_relative "../runtime"

module Hyperion
  # An engine with its executors: what serves requests in one process. Made behind the last fork.
  class EngineRunner
    class << self
      # @return [EngineRunner, nil] the one of this process
      attr_accessor :current

      # Loads the native library; it starts nothing by that.
      # @raise [Error]
      # @return [Class]
      def engine_class
        @engine_class ||= begin
          require "hyperion/native"
          Engine
        end
      rescue LoadError => e
        raise Error, "the native library is missing (#{e.message}); script/build makes it in a checkout"
      end

      # @return [Class] another engine, for tests
      attr_writer :engine_class
    end

    # @param app [#call]
    # @param configuration [Configuration]
    # @param sockets [Hash{Socket=>Tls, nil}] listening, and what is spoken there; the engine makes copies
    # @param died [#call] told the index of an executor that died, or :engine when the engine has ended by itself
    # @param claim [Metrics::Claim] where this process counts
    # @param admin [Array<Socket>] listening, for the server's own pages only; closed here once the engine has its copies
    # @param launched [Boolean] whether the process that made the claim ends by SIGTERM
    # @param handoff_channels [HandoffChannels, nil] the channels to the other workers of a cluster; closed here, too
    # @param runtime [Runtime] whose hooks hear of each request
    # @raise [Error] where the engine cannot start
    def initialize(app, configuration, sockets, died:, claim:, admin: [], handoff_channels: nil, launched: false, runtime: Runtime.default)
      @configuration = configuration
      @runtime = runtime
      settings = configuration.engine_settings(multiprocess: !handoff_channels.nil?)
      # A program that serves by itself may be in production without saying so.
      settings[:shows_errors] &&= launched
      @engine = EngineRunner.engine_class.new(app, settings.merge(claim.to_h, handoff_channels&.settings.to_h, owns_process: launched))
      attach
      sockets.each { |socket, tls| @engine.listen(socket.fileno, tls) }
      admin.each { |socket| @engine.listen_admin(socket.fileno) }
      @engine.start
      [*admin, *handoff_channels].each(&:close)
      @executors = Executors.new(@engine, configuration.threads, fibers: fibers, died: died)
      EngineRunner.current = self
    ensure
      detach unless @executors
    end

    # @return [String] "epoll" or "io_uring"
    def io_driver = @engine.io_driver

    # @return [String, nil] what is answered without the app, for the boot line
    def routes
      counts = Routes.default.describe(@mounts, native: @configuration.native_routes)
      counts && "#{counts} (#{@configuration.native_routes ? io_driver : "through Ruby"})"
    end

    # @return [Hash{Symbol=>Integer}] what this process counts by name
    def stats = @engine.stats

    # Lines of this log go through the engine until it stops.
    def connect_log(log)
      @log = log
      log.engine = @engine
      warning = FiberSettings.warning(@configuration.fibers) if @configuration.async_io
      log.warn(warning) if warning
    end

    def reopen_log = @engine.reopen_log

    # @return [Boolean] whether this thread runs the app
    def executor?(thread) = @executors.include?(thread)

    # Puts a thread in the place of one that died.
    # @return [Boolean] false where none can be made now
    def replace(index)
      @log&.warn("an executor thread died and is replaced", executor: index) if @executors.replace(index)
      true
    rescue ThreadError => e
      @log&.error("an executor thread died and cannot be replaced yet", executor: index, error: e.message)
      false
    end

    # Accepts for the worker of another slot, too, which does not serve, and takes what was handed to it. The
    # kernel may tell that worker alone of a connection to a socket that both have, so this goes for such, too.
    # @param slot [Integer]
    # @param sockets [Array<Socket>] listening, in the order of the own ones
    def cover(slot, sockets) = @engine.cover(slot, sockets.map(&:fileno))

    # Leaves accepting to the worker of that slot again.
    def uncover(slot) = @engine.uncover(slot)

    # Accepts no more; each connection may bring one more request. Returns at once.
    def last_call = @engine.last_call

    # Accepts no more; requests in flight may finish. Returns at once.
    # @param for_good [Boolean] whether nobody else accepts from the sockets from now on
    def drain(for_good:)
      @engine.refuse_clients if for_good
      @engine.drain
    end

    # @return [Boolean] whether all requests and connections have ended in time
    def wait_drained(seconds = @configuration.graceful_timeout) = @engine.wait_drained(seconds)

    # Ends everything at once.
    # @return [Boolean] false where threads of the app cannot be ended
    def stop
      @executors.release
      @log.engine = nil if @log
      @engine.stop
      detach
      EngineRunner.current = nil if EngineRunner.current.equal?(self)
      @executors.stop
    end

    private

    def fibers
      return unless @configuration.async_io

      require_relative "../scheduler"
      FiberSettings.apply
      @configuration.fibers
    end

    def attach
      @mounts = @configuration.preload_static.to_a.map { |dir| Mount.preloaded(dir) }
      Routes.default.attach(@engine, @mounts)
      @runtime.attach(@engine)
    end

    def detach
      Routes.default.detach(@engine)
      @runtime.detach(@engine)
    end
  end
end
