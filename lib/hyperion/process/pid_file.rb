# frozen_string_literal: true

require "etc"
require "fileutils"
require_relative "../error"

module Hyperion
  # The file that holds the server's process ID. It is renamed into place, so a link of its name is
  # replaced, never followed, and readers never see half of it.
  class PidFile
    # @param path [String, nil] nil makes an object that does nothing
    def initialize(path)
      @path = path
    end

    # @raise [BootError] where another server's process is alive, or the directory is not writable
    def check
      return unless @path

      directory = File.dirname(@path)
      raise BootError, "pid_file #{@path}: the directory does not exist" unless File.directory?(directory)
      raise BootError, "pid_file #{@path}: the directory is not writable" unless File.writable?(directory)
      raise BootError, "pid_file #{@path} is a directory" if File.directory?(@path)

      other = recorded
      raise BootError, "pid_file #{@path}: process #{other} is alive and a hyperion" if other && other != Process.pid && hyperion?(other)
    end

    # @raise [BootError]
    def write
      return unless @path

      temporary = "#{@path}.#{Process.pid}"
      FileUtils.rm_f(temporary)
      File.open(temporary, File::WRONLY | File::CREAT | File::EXCL | File::NOFOLLOW, 0o644) { |io| io.write("#{Process.pid}\n") }
      File.rename(temporary, @path)
      @owner = Process.pid
    rescue SystemCallError => e
      FileUtils.rm_f(temporary)
      raise BootError, "pid_file #{@path} cannot be written: #{e.message}"
    end

    # Only by its writer, and only while it is still the writer's.
    def remove
      File.unlink(@path) if @owner == Process.pid && recorded == @owner
    rescue SystemCallError
      nil
    end

    private

    def recorded
      Integer(File.read(@path, 32).strip, 10) unless File.symlink?(@path)
    rescue SystemCallError, ArgumentError, NoMethodError
      nil
    end

    # Process IDs are used again: a stale file may name a stranger, one that began later than the file
    # was written, or has another name.
    def hyperion?(pid)
      File.read("/proc/#{pid}/cmdline").include?("hyperion") && began(pid) <= File.mtime(@path).to_f + 1
    rescue SystemCallError, TypeError
      false
    end

    # In seconds since the epoch. The start time is the twentieth field behind the name, in hundredths since boot.
    def began(pid)
      ticks = File.read("/proc/#{pid}/stat").rpartition(")").last.split[19]
      Float(File.read("/proc/stat")[/^btime (\d+)/, 1]) + (Float(ticks) / Etc.sysconf(Etc::SC_CLK_TCK))
    end
  end
end
