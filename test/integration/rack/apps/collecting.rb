# frozen_string_literal: true

# Required into a server by RUBYOPT: the garbage collector works all the time, and whatever can move does.
if $PROGRAM_NAME.end_with?("exe/hyperion") && GC.respond_to?(:compact)
  GC.auto_compact = true
  Thread.new do
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
