# frozen_string_literal: true

require_relative "application"
require_relative "banner"
require_relative "listeners"
require_relative "log"
require_relative "mailbox"
require_relative "pid_file"
require_relative "service"
require_relative "signals"

module Hyperion
  # Runs a server of one process or of many, from a resolved configuration to its end. Holds what all
  # of its processes share.
  class Launcher
    # Some programs look at every descriptor up to the limit.
    MAX_DESCRIPTORS = 1_048_576

    # @return [Configuration]
    attr_reader :configuration
    # @return [Log]
    attr_reader :log
    # @return [Mailbox]
    attr_reader :mailbox
    # @return [Signals]
    attr_reader :signals
    # @return [Listeners]
    attr_reader :listeners

    # @param app [#call, nil] loaded already; nil loads the configured one
    # @param out [IO] takes the banner
    def initialize(configuration, app: nil, out: $stdout)
      @configuration = configuration
      @app = app
      @out = out
      @mailbox = Mailbox.new
      @signals = Signals.new(@mailbox)
      @pid_file = PidFile.new(configuration.pid_file)
    end

    # Serves until told to stop.
    # @return [Integer] the exit status
    # @raise [Error] where it cannot start; nothing was announced then
    def run
      prepare
      app if configuration.preload || !configuration.cluster?
      @listeners = Listeners.new(configuration.bind, slots: [configuration.workers, 1].max,
                                                     reuseport: configuration.worker_model == :reuseport)
      serve
    ensure
      clean_up
    end

    # Drains and ends, as TERM does. Safe on any thread.
    def stop = mailbox.post(:TERM)

    # @return [#call] loaded on first use, so in each worker unless preloaded
    def app = @app ||= Application.load(configuration)

    # @raise [BootError] where a hook raises
    def hook(name, *arguments)
      configuration.hooks_for(name).each { |block| block.call(*arguments) }
    rescue ScriptError, StandardError => e
      raise BootError, "#{name}: #{e.backtrace&.first.to_s[/\A.*?:\d+/]}: #{e.message} (#{e.class})"
    end

    # A hook at the end: what it raises is logged.
    def late_hook(name, *arguments)
      hook(name, *arguments)
    rescue BootError => e
      log.error(e.message)
    end

    # Tells the world that requests are served.
    # @raise [BootError] where the pid file cannot be written
    def announce(io_driver)
      @pid_file.write
      @out.print(Banner.new(configuration, listeners.urls, io_driver: io_driver).to_s)
      @out.flush
    end

    def reopen_log
      log.reopen
    rescue Error => e
      log.error(e.message)
    end

    # An event without a meaning yet.
    def ignore(event) = log.info("signal ignored", signal: event)

    # Threads of the app cannot be ended; the process must not wait for them.
    def stubborn! = @stubborn = true
    def stubborn? = @stubborn

    private

    def prepare
      @app ? signals.boot : signals.boot { clean_up || true }
      Hyperion.master_pid = Process.pid
      @log = Hyperion.logger = Log.for(configuration)
      configuration.warnings.each { |warning| log.warn(warning) }
      @pid_file.check
      Service.engine_class
      raise_descriptor_limit
      enable_yjit
    end

    def serve
      if configuration.cluster?
        require_relative "cluster"
        return Cluster.new(self).run
      end
      require_relative "serving"
      Serving.new(self).run { |io_driver| announce(io_driver) }
      0
    end

    def clean_up
      return unless Hyperion.master_pid == Process.pid

      listeners&.close
      listeners&.remove_files
      @pid_file.remove
      signals.restore
    end

    def raise_descriptor_limit
      soft, hard = Process.getrlimit(:NOFILE)
      wanted = [hard, MAX_DESCRIPTORS].min
      Process.setrlimit(:NOFILE, wanted, hard) if soft < wanted
    rescue SystemCallError => e
      log.warn("the limit of open files stays as it is: #{e.message}")
    end

    def enable_yjit
      return unless configuration.yjit

      able = defined?(RubyVM::YJIT) && RubyVM::YJIT.respond_to?(:enable)
      RubyVM::YJIT.enable if able && !RubyVM::YJIT.enabled?
      log.warn("yjit: this Ruby cannot turn it on at run time; start it with --yjit") if !able && configuration.yjit == true
    end
  end
end
