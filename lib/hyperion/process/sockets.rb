# frozen_string_literal: true

require_relative "listeners"

module Hyperion
  # All listening sockets of a server. Made once, before any fork.
  class Sockets
    # @return [Listeners] for requests
    attr_reader :listeners
    # @return [Listeners] for the server's own pages; of no address, usually
    attr_reader :admin

    # @param configuration [Configuration]
    # @raise [BindError]
    def initialize(configuration)
      @listeners = Listeners.new(configuration.bind, slots: [configuration.workers, 1].max,
                                                     reuseport: configuration.worker_model == :reuseport)
      @admin = Listeners.new([*configuration.admin_bind])
    rescue Error
      @listeners&.close
      @listeners&.remove_files
      raise
    end

    # Nobody finds the server by its socket files any more.
    def remove_files = [listeners, admin].each(&:remove_files)

    # Nobody can connect any more, whatever process still holds the sockets.
    def end_listening
      [listeners, admin].each do |each|
        each.shut
        each.remove_files
      end
    end
  end
end
