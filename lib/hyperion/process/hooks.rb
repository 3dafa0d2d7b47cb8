# frozen_string_literal: true

require_relative "../error"

module Hyperion
  # Runs the hooks of the configuration file.
  class Hooks
    # @param configuration [Configuration]
    # @param log [Log]
    def initialize(configuration, log)
      @configuration = configuration
      @log = log
    end

    # @return [Boolean] whether anything is registered
    def any?(name) = @configuration.hooks_for(name).any?

    # What a hook has forked and let return is no part of the server.
    # @raise [BootError] where a hook raises or exits
    def run(name, *arguments)
      process = Process.pid
      @configuration.hooks_for(name).each do |block|
        block.call(*arguments)
      ensure
        exit!($!.nil?) unless Process.pid == process
      end
    rescue SystemExit, ScriptError, StandardError => e
      raise BootError, "#{name}: #{e.backtrace&.first.to_s[/\A.*?:\d+/]}: #{e.message} (#{e.class})"
    end

    # A hook at the end: what it raises is logged.
    def run_late(name, *arguments)
      run(name, *arguments)
    rescue BootError => e
      @log.error(e.message)
    end
  end
end
