# frozen_string_literal: true

require "etc"
require "fileutils"
require "tmpdir"

module Bench
  # A PostgreSQL of the bench's own, in a folder that goes with it, reached by a socket there.
  class Postgres
    SETTINGS = { fsync: "off", listen_addresses: "", max_connections: 300 }.freeze

    # @return [String, nil] why there is none
    def self.missing
      return "PostgreSQL is not installed: apt-get install postgresql" unless programs
      return if !Gem::Specification.find_all_by_name("pg").empty?

      "Ruby has no pg: apt-get install ruby-pg"
    end

    # @return [String, nil] the folder of its newest programs
    def self.programs = Dir["/usr/lib/postgresql/*/bin"].select { |folder| File.executable?("#{folder}/initdb") }.max_by { |folder| folder[/\d+/].to_i }

    # Makes one, starts it and tells apps of it.
    # @raise [Failure]
    def self.start = new.tap(&:start)

    def initialize
      @folder = Dir.mktmpdir("bench-pg")
      FileUtils.chown("postgres", nil, @folder) if Process.uid.zero?
    end

    def start
      run("initdb", "--auth=trust", "--username=bench", "--no-sync", "-D", data)
      options = SETTINGS.merge(unix_socket_directories: @folder).map { |name, value| "-c #{name}='#{value}'" }.join(" ")
      run("pg_ctl", "start", "--wait", "-D", data, "-l", "#{@folder}/log", "-o", options)
      ENV["BENCH_PG"] = @folder
    rescue Failure
      FileUtils.rm_rf(@folder)
      raise
    end

    def stop
      run("pg_ctl", "stop", "--wait", "--mode=immediate", "-D", data)
    ensure
      FileUtils.rm_rf(@folder)
    end

    private

    def data = "#{@folder}/data"

    # It refuses to run as root.
    def run(program, *arguments)
      command = ["#{self.class.programs}/#{program}", *arguments]
      command = ["runuser", "-u", "postgres", "--", *command] if Process.uid.zero?
      Tool.output(*command)
    end
  end
end
