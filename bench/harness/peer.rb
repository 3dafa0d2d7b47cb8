# frozen_string_literal: true

require_relative "registry"
require_relative "server"

module Bench
  # A server of somebody else that serves Rack apps: the one that --path names, or the one on PATH.
  class Peer < Server
    # @return [String] its program, which is also its label unless it says otherwise
    def self.program = label

    def missing
      program(self.class.program) ? nil : "not installed: no #{self.class.program} on PATH; name it by --path #{self.class.program}=/its/path"
    end

    def excluded(kase)
      "speaks no HTTP/2" if kase.tls
    end

    def version = Machine.version(program(self.class.program), version_option)

    # @return [Array<String>]
    def command(kase, port) = [program(self.class.program), *arguments(kase, port)]

    private

    def threads = @settings.threads

    def version_option = "--version"
  end
end
