# frozen_string_literal: true

# Required into a server by RUBYOPT: once it has an engine, the garbage collector works all the time, and
# whatever can move does. Not earlier: what is tried here is the engine, not how Ruby loads files meanwhile.
if $PROGRAM_NAME.end_with?("exe/hyperion") && GC.respond_to?(:compact)
  Thread.new do
    sleep 0.01 until defined?(Hyperion::Engine) && ObjectSpace.each_object(Hyperion::Engine).any?
    GC.auto_compact = true
    (1..).each do |turn|
      sleep 0.01
      GC.compact
      next unless (turn % 10).zero?

      # Only what is young, at every allocation.
      GC.stress = 1
      sleep 0.02
      GC.stress = false
    end
  end
end
