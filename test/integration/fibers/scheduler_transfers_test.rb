# frozen_string_literal: true

require_relative "scheduler_case"
require "io/nonblock"
require "tempfile"
require "timeout"

# What fibers read and write, whatever the mode of a descriptor is and whatever becomes of it meanwhile.
class SchedulerTransfersTest < HyperionTest::SchedulerCase
  def test_a_pipe_in_blocking_mode_that_is_full
    reader, writer = blocking_pipe
    read = waits_alone do
      Fiber.schedule { writer.write("x" * 300_000) && writer.close }
      sleep(MOMENT_S)
      reader.read.size
    end
    assert_equal 300_000, read
  end

  def test_two_fibers_that_read_one_pipe_in_blocking_mode
    reader, writer = blocking_pipe
    read = waits_alone do
      got = Thread::Queue.new
      2.times { Fiber.schedule { got << reader.readpartial(10) } }
      %w[a b].map { |word| sleep(MOMENT_S) && writer.write(word) && got.pop }
    end
    assert_equal %w[a b], read
  end

  def test_what_another_has_under_the_same_number_is_not_read
    got = {}
    scheduled do
      reader, writer = IO.pipe
      number = reader.fileno
      Fiber.schedule do
        got[:closed] = reader.readpartial(100)
      rescue IOError
        got[:closed] = :error
      end
      [reader, writer].each(&:close)
      other, writer = IO.pipe
      assert_equal number, other.fileno
      Fiber.schedule { got[:other] = other.readpartial(100) }
      Fiber.schedule { sleep(MOMENT_S) && writer.write("for the other") }
    end
    assert_equal({ closed: :error, other: "for the other" }, got)
  end

  # The pool is busy, so that the file is closed and another opened before it writes.
  def test_what_is_written_goes_to_the_file_that_it_was_meant_for
    Dir.mktmpdir do |folder|
      scheduled do
        busy = Thread::Queue.new
        16.times { Fiber.schedule { Fiber.scheduler.blocking_operation_wait(-> { busy.pop }) } }
        file = File.open("#{folder}/one", "w").tap { |io| io.sync = true }
        written = Fiber.schedule { file.write("meant for one") }
        file.close
        other = File.open("#{folder}/other", "w")
        busy.close
        Fiber.schedule { sleep(0.001) while written.alive? }
        Fiber.scheduler.run
        other.close
      end
      assert_equal ["meant for one", ""], %w[one other].map { |name| File.read("#{folder}/#{name}") }
    end
  end

  def test_a_file_that_is_opened_without_blocking
    Tempfile.create("scheduler") do |file|
      file.write("0123456789" * 1000)
      file.flush
      assert_equal 10_000, waits_alone { File.open(file.path, File::RDONLY | File::NONBLOCK) { |io| sleep(MOMENT_S) && io.read.size } }
    end
  end

  # Each holds a thread, and more of them than there are for names and files.
  def test_fibers_that_wait_for_any_child_keep_nobody_from_a_file
    reader, writer = IO.pipe
    child = spawn("read line; true", in: reader)
    scheduled do
      20.times do
        Fiber.schedule do
          Process.wait(-1)
        rescue Errno::ECHILD
          nil
        end
      end
      Fiber.schedule { Addrinfo.getaddrinfo("localhost", 80) && writer.puts("go") }
    end
    assert_raises(Errno::ECHILD) { Process.wait(child) }
  end

  def test_time_outs_on_a_full_pool
    answered = waits_alone do
      16.times do
        Fiber.schedule do
          Timeout.timeout(MOMENT_S) { Fiber.scheduler.blocking_operation_wait(-> { sleep }) }
        rescue Timeout::Error
          nil
        end
      end
      Fiber.scheduler.blocking_operation_wait(-> { :answered })
    end
    assert_equal :answered, answered
  end

  def test_a_process_that_is_no_child
    pid = spawn("true")
    Process.wait(pid)
    assert_raises(Errno::ECHILD) { scheduled { Fiber.schedule { Process.wait(pid) } } }
    assert_raises(Errno::ECHILD) { scheduled { Fiber.schedule { Process.wait(Process.ppid) } } }
  end

  private

  def blocking_pipe = IO.pipe.each { |io| io.nonblock = false }
end
