# frozen_string_literal: true

module Bench
  # A contender. A server is a file in bench/servers with one subclass, which knows whether it is
  # installed and by which command it serves an app.
  class Server
    extend Registry

    HOST = "127.0.0.1"

    def initialize(settings)
      @settings = settings
    end

    def label = self.class.label

    # @return [String, nil] why it cannot be measured here
    def missing = nil

    # @return [String, nil] why it takes no part in this case
    def excluded(_kase) = nil

    # @return [String, nil] what must be known to judge its numbers
    def remark = nil

    # @return [String, nil] what its program says of its version
    def version = nil

    # @return [Boolean] whether it is no server, but the least that any could cost
    def floor? = false

    # @return [Boolean] whether its access log can be turned on and off
    def log_switch? = false

    # @return [Integer] how many requests that wait it can have under way
    def at_once = @settings.threads

    # @return [Boolean] whether it ends each connection behind one response
    def closes? = false

    # @return [Array<String>] the command that serves the case's app on this port of HOST
    def command(_kase, _port) = raise(NotImplementedError, "#{self.class} has no command")

    # Looks at the running server for what the smoke test cannot see.
    # @raise [Failure]
    def inspect_process(_process) = nil

    # One run: boots, tries, loads and stops the server.
    # @return [Hash{Symbol=>Object}]
    # @raise [Failure]
    def measure(row, kase)
      Interruption.held do
        process = boot(kase)
        Interruption.allowed { time(row, kase, process) }
      ensure
        process&.stop
      end
    end

    # @return [ServerProcess] a fresh one, which whoever asked for it stops
    def boot(kase)
      port = ServerProcess.free_port
      ServerProcess.start(command(kase, port), port)
    end

    private

    def time(row, kase, process)
      row.try(kase, process.port, closes: closes?)
      inspect_process(process)
      run = load(row, kase, process)
      raise Failure, "no request was answered" if run[:requests].zero?

      { **run, boot_s: process.boot_s }
    end

    # That it has died is a better answer than what the load says of it.
    def load(row, kase, process)
      row.measure(kase, process).tap { process.check }
    rescue Failure
      process.check
      raise
    end

    # @return [String, nil] the path of a program that --path may have named
    def program(name) = @settings.paths.fetch(name) { which(name) }

    def which(program)
      ENV.fetch("PATH").split(File::PATH_SEPARATOR).map { |folder| File.join(folder, program) }
         .find { |path| File.executable?(path) && !File.directory?(path) }
    end
  end
end
