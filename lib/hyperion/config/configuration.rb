# frozen_string_literal: true

require_relative "command_line"
require_relative "default_address"
require_relative "dsl"
require_relative "../error"
require_relative "cpu_count"
require_relative "tls_options"
require_relative "token_file"
require_relative "variables"
require_relative "../version"

module Hyperion
  # What all settings mean together; resolved once, then immutable. Each option has a reader of its name.
  class Configuration
    DEFAULT_FILE = "config/hyperion.rb"
    DEFAULT_RACKUP = "config.ru"
    JSON_ENVIRONMENTS = %w[production staging].freeze
    SPOOL_THRESHOLD_BYTES = 112 * 1024

    # @return [String] path of the app's file
    attr_reader :rackup
    # @return [Array<String>] settings without an effect and the like
    attr_reader :warnings
    # @return [Hash{Symbol=>Array<Proc>}] by the name of the hook
    attr_reader :hooks
    # @return [Hash{Symbol=>Setting}] by the name of the option, as typed
    # @api private
    attr_reader :settings

    class << self
      # For a server started by words on a command line: these, then variables, then the file.
      # @raise [ConfigurationError] with all problems of all places
      # @api private
      def for_command(command_line, env: ENV)
        variables = Variables.new(env)
        above = [command_line.layer, variables.layer]
        file = load_file(above)
        new([*above, *file&.layer], hooks: file&.hooks, rackup: command_line.rackup, warnings: variables.warnings)
      end

      # For a server inside another program: nothing but what that program says.
      # @param options [Hash{Symbol=>Object}]
      # @raise [ConfigurationError]
      # @api private
      def for_program(options, source: "option")
        new([program_layer(options.compact, source)])
      end

      # For `rackup` and `rails server`: what their user typed, then variables, then the file, then their defaults.
      # @raise [ConfigurationError]
      # @api private
      def for_handler(typed, defaults, env: ENV)
        above = [layer_of(typed, "rackup option"), Variables.new(env).layer]
        file = load_file(above)
        new([*above, *file&.layer, layer_of(defaults, "rackup default")], hooks: file&.hooks, handler: true)
      end

      private

      def load_file(layers)
        setting = layers.filter_map { |layer| layer.settings[:config] }.first
        path = setting&.value || (DEFAULT_FILE if File.exist?(DEFAULT_FILE)) or return
        return DSL.load(path) if File.file?(path)

        layers.first.problem(setting&.source || path, "config: there is no file #{path}")
        nil
      end

      def program_layer(options, source)
        own, foreign = options.partition { |name, _| (option = Options.find(name)) && !option.cluster? }
        layer_of(own.to_h, source).tap do |layer|
          known = Options::ALL.reject(&:cluster?).map(&:name)
          foreign.each do |name, _|
            wrong = Options.find(name) ? "means nothing for a server embedded in a program" : "is no option#{Suggestion.for(name, known)}"
            layer.problem(source, "#{name} #{wrong}")
          end
        end
      end

      def layer_of(options, source)
        Layer.new.tap do |layer|
          options.each { |name, value| layer.set(Options.find(name), value, "#{source} #{name}") }
        end
      end
    end

    # @param layers [Array<Layer>] the strongest first
    # @param handler [Boolean] whether a framework runs the server
    def initialize(layers, hooks: nil, rackup: nil, warnings: [], handler: false)
      problems = layers.flat_map(&:problems)
      raise ConfigurationError, problems unless problems.empty?

      defaults = Options::ALL.to_h { |option| [option.name, Setting.new(option.default && option.kind.parse(option.default), "default")] }
      @settings = with_address(layers.reverse.reduce(defaults) { |lower, layer| lower.merge(layer.settings) }).freeze
      @hooks = (hooks || {}).transform_values(&:freeze).freeze
      @rackup = File.expand_path(rackup || DEFAULT_RACKUP)
      tls = TlsOptions.new(@settings)
      raise ConfigurationError, tls.problems unless tls.problems.empty?

      @resolved = resolve(tls, handler).freeze
      @warnings = [*warnings, *layers.flat_map(&:remarks), *port_warning, *recycling_warnings, *fiber_warnings, *admin_warnings, *tls.warnings].freeze
      freeze
    end

    Options::ALL.each do |option|
      define_method(option.name) { @resolved[option.name] }
    end

    # @return [String] the place that decided
    def source(name) = @settings.fetch(name).source

    # Without values: some of them are secrets.
    def inspect = "#<#{self.class}>"

    # @return [Boolean] whether there is a master with workers
    def cluster? = workers > 1

    # @return [Boolean] whether log lines have colours
    # @api private
    def log_color? = log_format == :terminal && log_file.nil? && $stdout.tty? && ENV["NO_COLOR"].to_s.empty? && ENV["TERM"] != "dumb"

    # @return [Array<Proc>]
    # @api private
    def hooks_for(name) = hooks.fetch(name, [])

    # @return [Hash{Symbol=>Object}] what the engine wants to know
    # @api private
    def engine_settings(multiprocess: false)
      names = %i[threads max_body_bytes max_header_bytes max_header_fields max_spool_bytes max_target_bytes max_response_fields max_response_header_bytes max_pending max_connections read_timeout max_request_read_seconds
                 idle_keepalive write_timeout graceful_timeout log_requests log_file admin_token native_routes static_cache_bytes
                 tls_handshake_timeout tls_handshake_rate_limit h2_max_concurrent_streams h2_max_total_streams stream_request_bodies]
      words = %i[io log_level log_format underscore_headers sendfile_header early_hints]
      @resolved.slice(*names).merge(words.to_h { |name| [name, @resolved[name].to_s] }).merge(
        max_in_flight_per_conn: max_in_flight_per_conn == :auto ? "auto" : max_in_flight_per_conn,
        log_color: log_color?, utc_offset_s: Time.now.utc_offset, multiprocess: multiprocess, spool_threshold_bytes: SPOOL_THRESHOLD_BYTES,
        server_software: "hyperion/#{VERSION}", shows_errors: environment == "development"
      )
    end

    private

    # Where nobody names an address the environment decides; a port beside UNIX sockets alone is meant to be served.
    def with_address(settings)
      bind, port, environment = settings.values_at(:bind, :port, :environment)
      default = Options.find(:bind).kind.parse(DefaultAddress.for(environment.value))
      return settings.merge(bind: Setting.new(default, DefaultAddress.source(environment.value))) if bind.source == "default"
      return settings unless bind.value.all?(&:unix?) && !port.source.include?("default")

      settings.merge(bind: Setting.new(bind.value + default, "#{bind.source}, #{port.source}"))
    end

    def resolve(tls, handler)
      values = @settings.transform_values(&:value)
      values[:bind] = values[:bind].map { |bind| bind.with_default_port(values[:port]).with_tls(tls.for_address(bind)) }.freeze
      values[:workers] = CpuCount.count if values[:workers] == :auto
      values[:log_requests] = !(handler && values[:environment] == "development") if values[:log_requests] == :auto
      values[:log_format] = automatic_format(values) if values[:log_format] == :auto
      values[:admin_token] ||= token_of_file(values)
      %i[log_file pid_file config admin_token_file tls_client_ca].each { |name| values[name] &&= File.expand_path(values[name]) }
      values
    end

    def automatic_format(values)
      return :json if JSON_ENVIRONMENTS.include?(values[:environment]) || values[:log_file]

      $stdout.tty? ? :terminal : :json
    end

    def token_of_file(values)
      path = values[:admin_token_file] and TokenFile.read(path)
    rescue Kinds::Invalid => e
      raise ConfigurationError, ["#{source(:admin_token_file)}: admin_token_file: #{e.message}"]
    end

    def admin_warnings
      return [] unless @settings[:admin_token].value && admin_token_file

      ["#{source(:admin_token_file)}: has no effect, since #{source(:admin_token)} names the token itself"]
    end

    def recycling_warnings
      names = cluster? ? [] : %i[worker_max_rss_mb worker_max_requests].select { |name| @resolved[name] }
      names.map { |name| "#{source(name)}: has no effect, since a single process has no master that would replace it" }
    end

    def fiber_warnings
      return [] if async_io || source(:fibers) == "default"

      ["#{source(:fibers)}: has no effect, since async_io is off"]
    end

    def port_warning
      setting = @settings[:port]
      return unless setting.source.start_with?("flag") && @settings[:bind].value.none? { |bind| !bind.unix? && bind.port.nil? }

      ["#{setting.source}: has no effect, since each address of #{source(:bind)} has a port or needs none"]
    end
  end
end
