# frozen_string_literal: true

require_relative "../config/command_line"
require_relative "../error"

module Hyperion
  # The app that is served: one that a program has made, or the one of the rackup file.
  class Application
    FRAMES = 8

    # @param configuration [Configuration]
    # @param given [#call, nil] nil for the one of the file
    def initialize(configuration, given = nil)
      @configuration = configuration
      @path = configuration.rackup
      @app = given
      @given = !given.nil?
    end

    # @return [Boolean] whether a program has made it
    def given? = @given

    # @return [#call] made on first use, so in each worker unless the master has loaded it
    # @raise [ApplicationError] naming file and line
    def load = @app ||= load_file

    private

    def load_file
      publish_environment
      raise ApplicationError, "there is no app: #{missing}" unless File.file?(@path)

      require_rack
      build
    end

    def missing
      return "#{@path} is a directory; name the file in it, such as #{File.join(@path, "config.ru")}" if File.directory?(@path)

      "#{@path} does not exist#{Suggestion.for(File.basename(@path), CommandLine::COMMANDS.keys)}"
    end

    # The app and its libraries look at RACK_ENV; Rails prefers RAILS_ENV, which must not contradict a flag.
    def publish_environment
      ENV["RACK_ENV"] = @configuration.environment
      return unless @configuration.source(:environment).match?(/\Aflag|:\d+\z/)

      %w[RAILS_ENV APP_ENV].each { |name| ENV[name] = @configuration.environment if ENV.key?(name) }
    end

    # Rack::Lint, which `rackup` puts into development, uses URI without loading it.
    def require_rack
      require "uri"
      require "rack"
      require "rack/builder"
    rescue LoadError => e
      raise ApplicationError, "rack cannot be loaded (#{e.message}); add it to the Gemfile or run: gem install rack"
    end

    def build
      built = Rack::Builder.load_file(@path)
      app = built.is_a?(Array) ? built.first : built
      raise ApplicationError, "#{@path} gives #{app.inspect}, which has no method call" unless app.respond_to?(:call)

      app
    rescue ApplicationError
      raise
    rescue ScriptError, StandardError, SystemExit, SystemStackError, NoMemoryError => e
      raise ApplicationError, describe(e)
    end

    def describe(error)
      return "the app does not load: #{error.message}" if error.is_a?(SyntaxError)

      frames = (error.backtrace || []).grep_v(%r{/rack/builder\.rb:|/lib/hyperion/|/exe/hyperion:|rubygems|<internal:})
      where = frames.find { |frame| frame.start_with?(@path) } || @path
      where = where[/\A.*?:\d+/] || where
      what = error.is_a?(SystemExit) ? "it calls exit" : error.message
      ["the app does not load: #{where}: #{what} (#{error.class})", *frames.first(FRAMES).map { |frame| "  from #{frame}" }].join("\n")
    end
  end
end
