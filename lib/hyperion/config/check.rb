# frozen_string_literal: true

require_relative "../process/application"
require_relative "../process/certificates"
require_relative "configuration"
require_relative "../routes"

module Hyperion
  # `hyperion check`: each setting with its source, and whether the app loads.
  class Check
    def initialize(configuration, out: $stdout)
      @configuration = configuration
      @out = out
    end

    # Prints the settings, reads the certificates, then loads the app.
    # @raise [ConfigurationError, ApplicationError]
    def run
      print_settings
      @configuration.warnings.each { |warning| @out.puts("warning: #{warning}") }
      print_certificates
      Application.new(@configuration).load
      @out.puts("app #{@configuration.rackup}: loads")
      routes = Routes.default.describe and @out.puts("routes: #{routes}")
    end

    private

    def print_certificates
      certificates = Certificates.new(@configuration.bind)
      certificates.facts.each { |fact| @out.puts("certificates: #{fact}") }
      certificates.warnings.each { |warning| @out.puts("warning: #{warning}") }
    end

    def print_settings
      rows = Options::ALL.map { |option| [option.name.to_s, shown(option), @configuration.source(option.name)] }
      widths = rows.transpose.map { |column| column.map(&:size).max }
      rows.each { |name, value, source| @out.puts("#{name.ljust(widths[0])}  #{value.ljust(widths[1])}  #{source}") }
    end

    # As typed, and behind it what that means here.
    def shown(option)
      typed = @configuration.settings[option.name].value
      return "-" if typed.nil?

      meant = @configuration.public_send(option.name)
      text = option.kind.show(typed)
      meant == typed || option.kind.is_a?(Kinds::Text) ? text : "#{text} (#{option.kind.show(meant)})"
    end
  end
end
