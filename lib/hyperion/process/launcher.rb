# frozen_string_literal: true

require_relative "application"
require_relative "banner"
require_relative "certificates"
require_relative "forced_exit"
require_relative "hooks"
require_relative "../log"
require_relative "event_queue"
require_relative "../metrics"
require_relative "pid_file"
require_relative "process_settings"
require_relative "notice"
require_relative "sockets"
require_relative "engine_runner"
require_relative "signals"
require_relative "terminal"

module Hyperion
  # Runs a server of one process or of many, from a resolved configuration to its end. Holds what all
  # of its processes share.
  class Launcher
    # @return [Configuration]
    attr_reader :configuration
    # @return [Log]
    attr_reader :log
    # @return [EventQueue]
    attr_reader :event_queue
    # @return [Signals]
    attr_reader :signals
    # @return [Hooks]
    attr_reader :hooks
    # @return [Sockets]
    attr_reader :sockets
    # @return [Notice] of a stop
    attr_reader :notice

    # @return [Certificates] of the addresses that speak TLS
    attr_reader :certificates

    # @return [Metrics] what all processes count
    attr_reader :metrics

    # @return [HandoffChannels, nil] the ways between the workers of a cluster
    attr_reader :handoff_channels

    # @return [Metrics::Seat] where this process counts
    attr_accessor :seat

    # @param app [#call, nil] loaded already; nil loads the configured one
    # @param out [IO] takes the banner
    def initialize(configuration, app: nil, out: $stdout)
      @configuration = configuration
      @application = Application.new(configuration, app)
      @out = out
      @event_queue = EventQueue.new
      @signals = Signals.new(@event_queue)
      @terminal = Terminal.new(@signals, configuration.log_file)
      @pid_file = PidFile.new(configuration.pid_file)
    end

    # Serves until told to stop.
    # @return [Integer] the exit status
    # @raise [Error] where it cannot start; nothing was announced then
    def run
      prepare
      @application.load if configuration.preload || !configuration.cluster?
      Hyperion.master_pid = Process.pid # The app may have made a daemon of this process.
      @sockets = Sockets.new(configuration)
      serve
    ensure
      clean_up
    end

    # Drains and ends, as TERM does. Safe on any thread.
    def stop = event_queue.post(:TERM)

    # The process goes on with something else.
    def release = signals.end_watch

    # @return [#call]
    def app = @application.load

    # Tells the world that requests are served.
    # @param routes [String, nil] what is answered without the app
    # @raise [BootError] where the pid file or the banner cannot be written
    def announce(io_driver, routes = nil)
      @pid_file.write
      metrics.phase = :serving
      certificates.log_all(log)
      @out.print(Banner.new(configuration, sockets.listeners.urls, io_driver: io_driver, routes: routes, admin: sockets.admin.urls.first).to_s)
      @out.flush
    rescue IOError, SystemCallError => e
      raise BootError, "standard output cannot be written to: #{e.message}; where nobody reads it, redirect it to /dev/null"
    end

    # Threads of the app cannot be ended; the process must not wait for them.
    def threads_remain! = @threads_remain = true
    def threads_remain? = @threads_remain

    private

    def prepare
      @application.given? ? signals.boot : signals.boot { clean_up || true }
      Hyperion.master_pid = Process.pid
      @log = Hyperion.logger = Log.for(configuration)
      configuration.warnings.each { |warning| log.warn(warning) }
      @pid_file.check
      @hooks = Hooks.new(configuration, log)
      @metrics = Hyperion.metrics = Metrics.new(configuration.workers)
      @notice = Notice.new(event_queue: event_queue, metrics: metrics, log: log, terminal: @terminal, delay_s: configuration.drain_delay)
      signals.watch(ForcedExit.new(log))
      @certificates = Certificates.new(configuration.bind)
      ProcessSettings.apply(configuration, log)
    end

    def serve
      if configuration.cluster?
        require_relative "../cluster/master"
        require_relative "../cluster/handoff_channels"
        @handoff_channels = HandoffChannels.new(configuration.workers)
        return Master.new(self).run
      end
      require_relative "worker_life"
      @seat = metrics.seat(0)
      WorkerLife.new(self).run { |io_driver, routes| announce(io_driver, routes) }
      0
    end

    def clean_up
      return unless Hyperion.master_pid == Process.pid

      sockets&.end_listening
      @pid_file.remove
      signals.restore
    end
  end
end
