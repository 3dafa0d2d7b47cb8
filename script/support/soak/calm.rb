# frozen_string_literal: true

module Soak
  # Many may be inside together, or one alone.
  class Calm
    def initialize
      @lock = Mutex.new
      @changed = ConditionVariable.new
      @sharing = 0
      @alone = false
    end

    def shared
      @lock.synchronize do
        @changed.wait(@lock) while @alone
        @sharing += 1
      end
      yield
    ensure
      change { @sharing -= 1 }
    end

    def alone
      @lock.synchronize do
        @changed.wait(@lock) while @alone
        @alone = true
        @changed.wait(@lock) until @sharing.zero?
      end
      yield
    ensure
      change { @alone = false }
    end

    private

    def change
      @lock.synchronize do
        yield
        @changed.broadcast
      end
    end
  end
end
