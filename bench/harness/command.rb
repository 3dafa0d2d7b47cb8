# frozen_string_literal: true

module Bench
  # script/bench, once the programs are built.
  module Command
    STOPPED = 130
    COMPARE = "compare"

    module_function

    # @param arguments [Array<String>]
    # @return [Integer] the exit status: 1 when a server that is here could not be measured, or has become worse
    def run(arguments)
      return compare(arguments.drop(1)) if arguments.first == COMPARE

      settings = Settings.new(arguments)
      return show_help(settings) if settings.help?

      sweep(settings)
    rescue Failure => error
      warn "script/bench: #{error.message}"
      2
    rescue Interrupt
      warn "script/bench: interrupted"
      STOPPED
    end

    def show_help(settings)
      puts settings.help
      0
    end

    # @param paths [Array<String>] of two results
    def compare(paths)
      raise Failure, "#{COMPARE} takes two results: folders, or their files #{Records::FILE}" unless paths.size == 2

      comparison = Comparison.new(*paths.map { |path| Records.new(path) })
      puts comparison
      comparison.worse? ? 1 : 0
    end

    def sweep(settings)
      Interruption.install
      journal = Journal.new(settings.folder)
      Sweep.new(settings, journal).run ? 0 : 1
    ensure
      warn "script/bench: results are in #{journal.folder}" if journal
    end
  end
end
