# frozen_string_literal: true

module Hyperion
  # Sees to it that no connection waits for a worker that does not serve. With SO_REUSEPORT the kernel gives
  # every slot its share in any case, and of a shared socket it may tell that worker alone; what was handed to
  # it waits, too. While nobody serves there, the workers of other slots take all of that, and hand it nothing.
  class Covering
    # @param slots [Array<Slot>]
    def initialize(slots)
      @slots = slots
    end

    # Tells each worker that serves which slots it is to accept for.
    def round
      lacking = @slots.reject { |slot| slot.current&.serves? }.map(&:index)
      @slots.each do |slot|
        slot.current.cover(lacking - [slot.index]) if slot.current&.serves?
      end
    end
  end
end
