# frozen_string_literal: true

require "fileutils"
require "open3"

module Bench
  # Programs that the bench runs beside the servers.
  module Tool
    NATIVE = "#{ROOT}/bench/native"
    COMPILER = %w[cc -std=gnu11 -O2 -Wall -Wextra].freeze
    CARGO = %W[cargo build --release --locked --quiet --manifest-path #{ROOT}/Cargo.toml].freeze

    @built = {}
    @building = Mutex.new

    module_function

    # Runs a program to its end, also when this one is interrupted: then it is killed.
    # @param input [String] what it reads before it prints
    # @return [String] what it printed
    # @raise [Failure] when it fails
    def output(*command, input: "")
      Interruption.held do
        Open3.popen2e({ "LC_ALL" => "C" }, *command, pgroup: true) do |stdin, output, child|
          Interruption.allowed do
            give(stdin, input)
            finished(command, output.read, child)
          end
        ensure
          kill(child)
        end
      end
    rescue Errno::ENOENT
      raise Failure, "#{command.first} is not installed"
    end

    # Compiles bench/native/NAME.c unless that is done.
    # @return [String] the path of the program
    def compiled(name)
      source = "#{NATIVE}/#{name}.c"
      program = "#{ROOT}/tmp/bench/bin/#{name}"
      return program if File.exist?(program) && File.mtime(program) > File.mtime(source)

      FileUtils.mkdir_p(File.dirname(program))
      output(*COMPILER, "-o", "#{program}.new", source)
      File.rename("#{program}.new", program)
      program
    end

    # Builds a crate of this workspace, once in each process and where script/build puts the engine.
    # @param name [String] of the crate and its program
    # @return [String] the path of the program
    def built(name)
      @building.synchronize do
        @built[name] ||= begin
          folder = File.expand_path(ENV.fetch("CARGO_TARGET_DIR", "target"), ROOT)
          output(*CARGO, "--target-dir", folder, "-p", name)
          "#{folder}/release/#{name}"
        end
      end
    end

    # One that fails may read nothing; what it prints says why.
    def give(stdin, text)
      stdin.write(text)
    rescue Errno::EPIPE
      nil
    ensure
      stdin.close
    end

    def finished(command, text, child)
      return text if child.value.success?

      raise Failure, "#{File.basename(command.first)} failed: #{text.lines.last(3).join(" ").split.join(" ")}"
    end

    def kill(child)
      Process.kill(:KILL, -child.pid) if child.alive?
    rescue Errno::ESRCH
      nil
    end
  end
end
