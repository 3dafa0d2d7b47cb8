# frozen_string_literal: true

require_relative "hyperion/version"
require_relative "hyperion/error"

# A Rack web server with its engine in Rust. This half reads options, opens sockets, minds processes
# and signals; it never touches a request. Loading it loads neither the native library nor rack.
module Hyperion
  autoload :Certificates, "hyperion/process/certificates"
  autoload :Configuration, "hyperion/config/configuration"
  autoload :CLI, "hyperion/cli"
  autoload :Launcher, "hyperion/process/launcher"
  autoload :Log, "hyperion/log"
  autoload :Metrics, "hyperion/metrics"
  autoload :Routes, "hyperion/routes"
  autoload :Runtime, "hyperion/runtime"
  autoload :Scheduler, "hyperion/scheduler"
  autoload :Server, "hyperion/server"
  autoload :EngineRunner, "hyperion/process/engine_runner"

  class << self
    # The log of this process: `debug`, `info`, `warn`, `error`, each with a message and optional fields.
    # @return [Log]
    def logger = @logger ||= Log.new

    # @api private
    attr_writer :logger

    # The process that made the listening sockets: the master of a cluster, or the only process.
    # @return [Integer, nil] nil while nothing was launched
    attr_reader :master_pid

    # @api private
    attr_writer :master_pid

    # What all processes of the server count.
    # @return [Metrics, nil] nil while nothing serves
    attr_reader :metrics

    # @api private
    attr_writer :metrics

    # The numbers of all workers by name, and under `workers` those of each; empty while nothing serves.
    # @return [Hash{Symbol=>Integer, Array<Hash>}]
    def stats = metrics&.snapshot || {}
  end
end
