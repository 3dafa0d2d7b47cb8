# frozen_string_literal: true

module Bench
  # Being asked to stop raises an Interrupt in the main thread. It comes only where a process that was
  # started is in the hands of one that ends it, never between the two.
  module Interruption
    SIGNALS = %w[INT TERM HUP].freeze

    module_function

    # From now on these signals interrupt, once: nothing disturbs what the first one has to end.
    def install
      SIGNALS.each do |name|
        trap(name) do
          SIGNALS.each { |other| trap(other, "IGNORE") }
          Thread.main.raise(Interrupt)
        end
      end
    end

    def held(&block) = Thread.handle_interrupt(Interrupt => :never, &block)

    def allowed(&block) = Thread.handle_interrupt(Interrupt => :immediate, &block)
  end
end
