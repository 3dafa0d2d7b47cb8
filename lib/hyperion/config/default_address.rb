# frozen_string_literal: true

module Hyperion
  # Where the server listens when nobody says so: on the loopback in development and test, elsewhere on every address.
  module DefaultAddress
    PRIVATE = %w[development test].freeze
    SOURCE = "default of the environment"

    # @param environment [String]
    # @return [String] a host
    def self.for(environment)
      return "127.0.0.1" if PRIVATE.include?(environment)

      # IPv6 sockets take IPv4, too, where the kernel has IPv6 at all.
      File.exist?("/proc/net/if_inet6") ? "[::]" : "0.0.0.0"
    end

    # @return [String] the place that decided
    def self.source(environment) = "#{SOURCE} #{environment}"

    # @param source [String] of the addresses
    # @return [String, nil] a phrase for the banner
    def self.reason(source, environment)
      return unless source.start_with?(SOURCE)

      PRIVATE.include?(environment) ? "this machine only, as in #{environment}; -b opens others" : "all of this machine, as in #{environment}; -b names others"
    end
  end
end
