# frozen_string_literal: true

require_relative "attached_engines"
require_relative "routes/mount"
require_relative "routes/route"

module Hyperion
  # What is answered without the Rack app: static responses, blocks and directories of files. The
  # engines of this process that are attached hear of each change at once. Safe on any thread.
  class Routes
    include AttachedEngines

    LIBRARY = "#{__dir__}/"
    NAMES = { native: %w[native native], block: %w[block blocks], mount: %w[mount mounts] }.freeze
    THROUGH_RUBY = { native: %w[static static] }.freeze

    class << self
      # @return [Routes] those of this process, which every server in it answers
      attr_reader :default

      # @return [Integer] one that nothing else in this process has, ever
      # @api private
      def number = @counting.synchronize { @number += 1 }

      # The line outside of this library that is being run.
      # @api private
      def place
        location = caller_locations(2, 8).find { |candidate| !candidate.path.start_with?(LIBRARY) }
        location ? "#{location.path}:#{location.lineno}" : "unknown"
      end
    end

    @counting = Mutex.new
    @number = 0

    def initialize
      super
      @entries = {}
    end

    @default = new

    # As {Server.handle_static}.
    # @api private
    def static(method, path, body, **rest)
      add { |number, place| Route::Static.new(number, method, path, place, body: body, **rest) }
    end

    # As {Server.handle}.
    # @api private
    def block(method, path, block)
      add { |number, place| Route::Block.new(number, method, path, place, block) }
    end

    # As {Server.mount_static}.
    # @api private
    def mount(prefix, dir, **rest)
      add { |number, place| Mount.new(number, prefix, dir, place, **rest) }
    end

    # Forgets everything; for tests.
    # @return [nil]
    def clear
      @lock.synchronize do
        @entries = {}
        publish
      end
      nil
    end

    # @return [Boolean] whether nothing is registered
    def empty? = @lock.synchronize { @entries.empty? }

    # @param mounts [Array<Mount>] of one engine alone
    # @param native [Boolean] whether the engine answers by itself
    # @return [String, nil] how many there are of each kind
    def describe(mounts = [], native: true)
      modes = @lock.synchronize { @entries.values + mounts }.map(&:mode).tally
      names = native ? NAMES : NAMES.merge(THROUGH_RUBY)
      parts = names.filter_map { |mode, (one, many)| "#{modes[mode]} #{modes[mode] == 1 ? one : many}" if modes[mode] }
      parts.join(", ") unless parts.empty?
    end

    private

    def add
      entry = yield Routes.number, Routes.place
      @lock.synchronize do
        former = @entries[entry.key]
        raise ArgumentError, "#{entry} is registered already, at #{former.place}; register it once" if former

        insert(entry)
      end
      nil
    end

    # What one engine refuses, none has.
    def insert(entry)
      @entries[entry.key] = entry
      publish
    rescue StandardError
      @entries.delete(entry.key)
      publish
      raise
    end

    # An engine's own mounts are asked behind the others.
    def update(engine, mounts)
      engine.routes = [*@entries.values, *mounts].map(&:native)
    end
  end
end
