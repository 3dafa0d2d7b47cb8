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
require_relative "slot_engine"
require_relative "sockets"
require_relative "engine_runner"
require_relative "signals"
require_relative "terminal"
require_relative "worker_life"

module Hyperion
  # Runs a server of one process or of many, from a resolved configuration to its end. Makes what its processes
  # share, and gives each part what that needs of it.
  class Launcher
    # @param configuration [Configuration]
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
      @application.load if @configuration.preload || !@configuration.cluster?
      Hyperion.master_pid = Process.pid # The app may have made a daemon of this process.
      @sockets = Sockets.new(@configuration)
      @configuration.cluster? ? run_cluster : run_single
    ensure
      clean_up
    end

    # Drains and ends, as TERM does. Safe on any thread.
    def stop = @event_queue.post(:TERM)

    # The process goes on with something else.
    def release = @signals.end_watch

    # @return [Boolean] whether threads of the app could not be ended in this process, so that it must not wait for them
    def threads_remain? = @life&.threads_remain? || false

    private

    def prepare
      @application.given? ? @signals.boot : @signals.boot { clean_up || true }
      Hyperion.master_pid = Process.pid
      @log = Hyperion.logger = Log.for(@configuration)
      @configuration.warnings.each { |warning| @log.warn(warning) }
      @pid_file.check
      @hooks = Hooks.new(@configuration, @log)
      @metrics = Hyperion.metrics = Metrics.new(@configuration.workers)
      @notice = Notice.new(event_queue: @event_queue, metrics: @metrics, log: @log, terminal: @terminal, delay_s: @configuration.drain_delay)
      @signals.watch(ForcedExit.new(@log))
      @certificates = Certificates.new(@configuration.bind)
      ProcessSettings.apply(@configuration, @log)
    end

    def run_single
      life(0, @metrics.claim(0), notice: @notice).run { |io_driver, routes| announce(io_driver, routes) }
      0
    end

    def run_cluster
      require_relative "../cluster/master"
      require_relative "../cluster/worker"
      require_relative "../cluster/handoff_channels"
      channels = HandoffChannels.new(@configuration.workers)
      master = Master.new(configuration: @configuration, log: @log, hooks: @hooks, event_queue: @event_queue, signals: @signals, notice: @notice,
                          metrics: @metrics, sockets: @sockets, certificates: @certificates) do |slot, claim, heartbeat|
        Worker.new(slot: slot, heartbeat: heartbeat, life: life(slot, claim, handoff_channels: channels),
                   configuration: @configuration, event_queue: @event_queue, signals: @signals)
      end
      master.run { |io_driver, routes| announce(io_driver, routes) }
    end

    # To be called in the process whose life it is.
    def life(slot, claim, handoff_channels: nil, notice: nil)
      slot_engine = SlotEngine.new(slot: slot, claim: claim, configuration: @configuration, log: @log, event_queue: @event_queue,
                                   sockets: @sockets, certificates: @certificates, handoff_channels: handoff_channels)
      @life = WorkerLife.new(application: @application, slot_engine: slot_engine, configuration: @configuration, log: @log,
                             hooks: @hooks, event_queue: @event_queue, signals: @signals, notice: notice)
    end

    # Tells the world that requests are served.
    # @param routes [String, nil] what is answered without the app
    # @raise [BootError] where the pid file or the banner cannot be written
    def announce(io_driver, routes)
      @pid_file.write
      @metrics.phase = :serving
      @certificates.log_all(@log)
      @out.print(Banner.new(@configuration, @sockets.listeners.urls, io_driver: io_driver, routes: routes, admin: @sockets.admin.urls.first).to_s)
      @out.flush
    rescue IOError, SystemCallError => e
      raise BootError, "standard output cannot be written to: #{e.message}; where nobody reads it, redirect it to /dev/null"
    end

    def clean_up
      return unless Hyperion.master_pid == Process.pid

      @sockets&.end_listening
      @pid_file.remove
      @signals.restore
    end
  end
end
