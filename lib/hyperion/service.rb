# frozen_string_literal: true

require_relative "executors"
require_relative "error"

module Hyperion
  # An engine with its executors: what serves requests in one process. Made behind the last fork.
  class Service
    class << self
      # @return [Service, nil] the one of this process
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
    # @param sockets [Array<Socket>] listening; closed here once the engine has its copies
    # @param died [#call] told the index of an executor that died
    # @raise [Error] where the engine cannot start
    def initialize(app, configuration, sockets, died:, multiprocess: false)
      @configuration = configuration
      @engine = Service.engine_class.new(app, configuration.engine_settings(multiprocess: multiprocess))
      sockets.each { |socket| @engine.listen(socket.fileno) }
      @engine.start
      sockets.each(&:close)
      @executors = Executors.new(@engine, configuration.threads, died: died)
      Service.current = self
    end

    # @return [String] "epoll" or "io_uring"
    def io_driver = @engine.io_driver

    # @return [Hash{Symbol=>Integer}]
    def stats = @engine.stats

    # Lines of this log go through the engine until it stops.
    def carry(log)
      @log = log
      log.engine = @engine
    end

    def reopen_log = @engine.reopen_log

    # Puts a thread in the place of one that died.
    def replace(index)
      @log&.warn("an executor thread died and is replaced", executor: index) if @executors.replace(index)
    end

    # Accepts no more; requests in flight may finish. Returns at once.
    def drain = @engine.drain

    # @return [Boolean] whether all requests and connections have ended in time
    def wait_drained(seconds = @configuration.graceful_timeout) = @engine.wait_drained(seconds)

    # Ends everything at once.
    # @return [Boolean] false where threads of the app cannot be ended
    def stop
      @executors.release
      @log.engine = nil if @log
      @engine.stop
      Service.current = nil if Service.current.equal?(self)
      @executors.stop
    end
  end
end
