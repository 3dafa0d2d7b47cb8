# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../../../lib", __dir__))
require "minitest/autorun"
require "fileutils"
require "tmpdir"
require "hyperion"

# A test of the Ruby half alone: no native library, no executable.
class UnitCase < Minitest::Test
  # A directory of its own for this test.
  def dir
    @dir ||= File.realpath(Dir.mktmpdir("hyperion-unit"))
  end

  # Writes a file below `dir` and returns its path.
  def file(name, text)
    File.join(dir, name).tap do |path|
      FileUtils.mkdir_p(File.dirname(path))
      File.write(path, text)
    end
  end

  def teardown
    FileUtils.remove_entry(@dir) if @dir
    super
  end

  # The problems that the block's ConfigurationError tells.
  def problems(&block) = assert_raises(Hyperion::ConfigurationError, &block).problems

  # What a command line, variables and a file mean together.
  def configure(*words, env: {}, file: nil)
    words = ["-C", file, *words] if file
    Dir.chdir(dir) { Hyperion::Configuration.for_command(Hyperion::CommandLine.new(words), env: env) }
  end

  def eventually(timeout_s: 5)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout_s
    until (result = yield)
      flunk "the awaited state did not come" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.01
    end
    result
  end

  # Runs the block in a forked process.
  # @return [Array(String, Process::Status)] what it wrote, and how it ended
  def forked
    reader, writer = IO.pipe
    pid = fork do
      reader.close
      yield writer
      writer.close
      exit!(0)
    rescue Exception => e
      writer.write(e.full_message)
      exit!(99)
    end
    writer.close
    [reader.read, Process.wait2(pid).last]
  ensure
    reader.close
  end
end
