# frozen_string_literal: true

module Hyperion
  # The engines of this process that hear what is registered: all of it when they are attached, and again with
  # each change. Who includes it has an `update`, which tells one engine, and calls `publish` behind a change,
  # with the lock held.
  # @api private
  module AttachedEngines
    def initialize
      @lock = Mutex.new
      @engines = {}.compare_by_identity
    end

    # Tells an engine what is registered, now and with each change. One that refuses is not attached.
    # @param engine [Engine]
    # @param own [Object, nil] what is for this engine alone
    # @return [nil]
    # @api private
    def attach(engine, own = nil)
      @lock.synchronize do
        update(engine, own)
        @engines[engine] = own
      end
      nil
    end

    # The engine hears of no more changes.
    # @return [nil]
    # @api private
    def detach(engine)
      @lock.synchronize { @engines.delete(engine) }
      nil
    end

    private

    def publish = @engines.each { |engine, own| update(engine, own) }
  end
end
