# frozen_string_literal: true

require_relative "kinds"

module Hyperion
  module Kinds
    # A number of threads. Puma's least and most are taken, too: all threads are there from the start.
    class ThreadCount < Count
      PAIR = /\A\s*(\d+)\s*[:,]\s*(\d+)\s*\z/

      def remark(raw) = ("#{raw} means #{most(raw)} threads, which are there from the start" if PAIR.match?(raw.to_s))

      private

      def convert(raw) = super(PAIR.match?(raw.to_s) ? most(raw) : raw)
      def most(raw) = Integer(PAIR.match(raw.to_s)[2], 10)
    end
  end
end
