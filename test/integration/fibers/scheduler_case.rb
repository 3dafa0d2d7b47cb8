# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../../../lib", __dir__))

require "minitest/autorun"
require "hyperion"

module HyperionTest
  # Fibers of a thread that has Hyperion's scheduler.
  class SchedulerCase < Minitest::Test
    MOMENT_S = 0.01

    # What a scheduled thread gives; it ends when all its fibers have.
    def scheduled(&block)
      thread = Thread.new do
        Thread.current.report_on_exception = false
        Fiber.set_scheduler(Hyperion::Scheduler.new)
        instance_exec(&block)
      end
      assert thread.join(20), "fibers hang: #{thread.backtrace&.first(5)}"
      thread.value
    end

    # What a Ruby of its own prints, which runs this script.
    def lines_of(script)
      IO.popen([RbConfig.ruby, "-I#{File.expand_path("../../../lib", __dir__)}", "-rhyperion", "-e", script], &:readlines)
    end

    # Runs the block in a fiber, beside one that takes notes of whether it is let go on; gives what it gives.
    def waits_alone(&block)
      result = nil
      turns = 0
      scheduled do
        done = false
        Fiber.schedule do
          result = instance_exec(&block)
        ensure
          done = true
        end
        Fiber.schedule do
          until done
            turns += 1
            sleep(0.001)
          end
        end
      end
      assert_operator turns, :>, 1, "the other fiber did not go on"
      result
    end
  end
end
