# frozen_string_literal: true

module Hyperion
  # The root of everything this library raises on purpose.
  class Error < StandardError; end

  # Settings that cannot be; carries one line for each problem, so that all are told at once.
  class ConfigurationError < Error
    # @return [Array<String>] each with its source and what is wrong
    attr_reader :problems

    def initialize(problems)
      @problems = problems.freeze
      super(problems.join("\n"))
    end
  end

  # The app cannot be loaded.
  class ApplicationError < Error; end

  # A socket cannot be opened.
  class BindError < Error; end

  # A worker or a hook failed before the server could serve.
  class BootError < Error; end

  # The engine has ended by itself, and with it the serving.
  class EngineError < Error; end

  # The client has left: there is nobody to write to or to read from. Apps see it in `each` of a body, in
  # streams and in `rack.input`.
  class ClientDisconnected < IOError; end
end
