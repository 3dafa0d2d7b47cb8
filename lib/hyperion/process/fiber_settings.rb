# frozen_string_literal: true

module Hyperion
  # What libraries must know where each request is a fiber of its own.
  module FiberSettings
    class << self
      # Tells Rails, if it is there, that what belongs to a request belongs to a fiber and not to a thread.
      def apply
        ActiveSupport::IsolatedExecutionState.isolation_level = :fiber if defined?(ActiveSupport::IsolatedExecutionState)
      end

      # @param fibers [Integer] the most at once
      # @return [String, nil] what is to be set otherwise
      def warning(fibers)
        pool = active_record_pool
        "fibers is #{fibers}, and the pool of Active Record has #{pool}: set pool in database.yml, or fewer fibers" if pool && pool < fibers
      end

      private

      def active_record_pool
        ActiveRecord::Base.connection_db_config.pool if defined?(ActiveRecord::Base)
      rescue StandardError
        nil # The app has no database, or an older way to say so.
      end
    end
  end
end
