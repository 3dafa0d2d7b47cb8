# frozen_string_literal: true

require_relative "../hyperion"
require_relative "config/configuration"

module Hyperion
  # What `rackup -s hyperion` and `rails server -u hyperion` call, whichever of rack and rackup has it.
  module Handler
    OPTIONS = {
      "Host=HOST" => "Address or socket to listen on (default: 127.0.0.1)",
      "Port=PORT" => "Port to listen on (default: 9292)",
      "Threads=N" => "Ruby threads that run the app (default: 5)",
      "Silent" => "Print no banner"
    }.freeze
    NAMES = { Host: :bind, Port: :port, Threads: :threads, environment: :environment }.freeze
    # Names of ours that mean something else to rackup.
    FOREIGN = %i[config environment].freeze

    # Serves until told to stop.
    # @param options [Hash{Symbol=>Object}] what rackup or rails was told, and its defaults
    # @yield [Launcher] responds to `stop`
    # @return [nil]
    def run(app, **options)
      configuration = Handler.configure(options)
      out = options[:Silent] ? File.open(File::NULL, "w") : $stdout.tap { |io| io.sync = true }
      return embed(app, configuration, out) { |server| yield server if block_given? } unless Thread.current == Thread.main

      require_relative "process/launcher"
      launcher = Launcher.new(configuration, app: app, out: out)
      @running = launcher
      yield launcher if block_given?
      launcher.run
      nil
    ensure
      launcher&.release
    end

    # Ends what `run` has begun, as TERM does.
    def stop = @running&.stop

    # Signals, and the process as a whole, belong to whoever has made this thread.
    def embed(app, configuration, out)
      @running = server = Server.new(app: app, configuration: configuration)
      server.start
      yield server
      server.urls.each { |url| out.puts("Listening on #{url}") }
      server.wait
    ensure
      server&.stop
    end
    private :embed

    # @return [Hash{String=>String}] for `rackup -s hyperion -h`
    def valid_options = OPTIONS

    # Where the caller lists what its user typed, the rest are defaults, which the environment and the file outrank.
    # @return [Configuration]
    # @api private
    def self.configure(options)
      typed = options[:user_supplied_options]&.map(&:to_sym) || options.keys
      ours = options.compact.select { |name, _| name?(name) }
      chosen, defaults = ours.partition { |name, _| typed.include?(name) }
      Configuration.for_handler(translate(chosen), translate(defaults))
    end

    def self.name?(name) = NAMES.key?(name) || (Options.find(name) && !FOREIGN.include?(name))

    def self.translate(options)
      options.to_h do |name, value|
        case name
        when :Host then [:bind, value.to_s.start_with?("/", ".") ? "unix://#{value}" : value]
        when :Threads then [:threads, value.to_s.split(":").last]
        else [NAMES.fetch(name) { Options.find(name).name }, value]
        end
      end
    end

    private_class_method :name?, :translate
  end
end
