# frozen_string_literal: true

require_relative "attached_engines"

module Hyperion
  # Blocks that are called when a request begins to be answered and when its answer is known, whoever
  # answers: the app, a block, a static response or a file. They run in the order of registration, on a
  # thread that runs the app. What one raises is logged and stops neither the response nor the next block.
  class Runtime
    include AttachedEngines

    class << self
      # @return [Runtime] the one of every server that was given no other
      attr_reader :default
    end

    def initialize
      super
      @starts = [].freeze
      @ends = [].freeze
    end

    @default = new

    # Registers a block that is called before the app is.
    # @yield [Request, Hash, nil] the request, and its env; nil where the engine answers by itself, and
    #   then the call comes behind the response
    # @return [nil]
    # @raise [ArgumentError] without a block
    def on_request_start(&block)
      change(:on_request_start, block) { @starts = [*@starts, block].freeze }
    end

    # Registers a block that is called when the app has returned or raised, before the response is sent.
    # @yield [Request, Hash, nil, Array, nil, Exception, nil] the request, its env, the status, headers
    #   and body that the app returned, and what it raised instead
    # @return [nil]
    # @raise [ArgumentError] without a block
    def on_request_end(&block)
      change(:on_request_end, block) { @ends = [*@ends, block].freeze }
    end

    private

    def change(name, block)
      raise ArgumentError, "#{name} needs a block" unless block

      @lock.synchronize do
        yield
        publish
      end
      nil
    end

    # An engine that knows of no hooks reports nothing to Ruby, which saves it the work.
    def update(engine, _own)
      engine.hooks = [@starts, @ends] unless @starts.empty? && @ends.empty?
    end
  end
end
