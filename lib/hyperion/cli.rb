# frozen_string_literal: true

require_relative "config/command_line"
require_relative "error"

module Hyperion
  # `hyperion` on the command line: from words to an exit status.
  class CLI
    # @param words [Array<String>]
    # @return [Integer] the exit status
    def self.run(words) = new(words).run

    def initialize(words, out: $stdout, err: $stderr)
      @command_line = CommandLine.new(words)
      @out = out
      @err = err
    end

    # @return [Integer] the exit status
    # @api private
    def run
      @out.sync = @err.sync = true
      __send__(@command_line.action)
    rescue ConfigurationError => e
      fail_with("hyperion cannot start, for #{e.problems.size} reason#{"s" if e.problems.size > 1}:", *e.problems.map { |line| "  #{line}" })
    rescue EngineError => e
      fail_with("hyperion ends: #{e.message}")
    rescue Error => e
      fail_with("hyperion cannot start: #{e.message}")
    end

    private

    def help
      require_relative "config/help"
      @out.puts(Help.text)
      0
    end

    def version
      require_relative "version"
      @out.puts("hyperion #{VERSION}")
      0
    end

    def check
      require_relative "config/check"
      Check.new(configuration, out: @out).run
      0
    end

    def serve
      require_relative "process/launcher"
      launcher = Launcher.new(configuration, out: @out)
      # Registered first, so run last. Ruby would wait for threads that cannot be ended.
      at_exit { exit!($!.is_a?(SystemExit) ? $!.status : 1) if launcher.threads_remain? }
      launcher.run
    end

    def configuration
      require_relative "config/configuration"
      Configuration.for_command(@command_line)
    end

    def fail_with(*lines)
      @err.puts(lines)
      1
    end
  end
end
