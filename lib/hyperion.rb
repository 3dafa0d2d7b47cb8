# frozen_string_literal: true

require_relative "hyperion/version"
require_relative "hyperion/error"

# A Rack web server with its engine in Rust. This half reads options, opens sockets, minds processes
# and signals; it never touches a request. Loading it loads neither the native library nor rack.
module Hyperion
  autoload :Configuration, "hyperion/configuration"
  autoload :CLI, "hyperion/cli"
  autoload :Launcher, "hyperion/launcher"
  autoload :Log, "hyperion/log"
  autoload :Server, "hyperion/server"
  autoload :Service, "hyperion/service"

  class << self
    # The log of this process: `debug`, `info`, `warn`, `error`, each with a message and optional fields.
    # @return [Log]
    def logger = @logger ||= Log.new

    # @api private
    attr_writer :logger

    # The process that made the listening sockets: the master of a cluster, or the only process.
    # @return [Integer, nil] nil while nothing was launched
    attr_accessor :master_pid

    # Counters of this process by name; empty while nothing serves.
    # @return [Hash{Symbol=>Integer}]
    def stats = Service.current&.stats || {}
  end
end
