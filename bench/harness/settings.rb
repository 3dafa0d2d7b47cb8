# frozen_string_literal: true

require "optparse"

module Bench
  # What the command line asks for.
  class Settings
    SECONDS = 8
    SOAK_SECONDS = 900
    DEFAULTS = { servers: nil, runs: 3, seconds: nil, connections: [100], threads: 5, rates: [2000, 8000], paths: {}, out: nil }.freeze
    BANNER = "Usage: script/bench [options] [row ...]\n       script/bench compare A B    two results of --out, by the noise of their runs"

    # @return [Array<String>] labels of rows; empty means all
    attr_reader :rows

    # @return [String] how this was asked, to ask again
    attr_reader :command

    # @raise [Failure] when an argument is wrong or asks for nothing that there is
    def initialize(arguments)
      @command = ["script/bench", *arguments].join(" ")
      @values = DEFAULTS.dup
      @help = false
      @rows = parser.parse(arguments)
      validate
    rescue OptionParser::ParseError => error
      raise Failure, "#{error.message}; see script/bench --help"
    end

    DEFAULTS.each_key { |name| define_method(name) { @values[name] } }

    def help? = @help

    # @return [String]
    def help
      "#{parser}\nRows: #{Row.labelled.map(&:label).join(" ")}\nServers: #{Server.labelled.map(&:label).join(" ")}\n"
    end

    # @return [String] the folder for the results
    def folder = out || "#{ROOT}/tmp/bench/#{Time.now.utc.strftime("%Y%m%d-%H%M%S")}"

    private

    def parser
      OptionParser.new(BANNER, 24) do |options|
        options.on("--servers A,B", Array, "only these servers") { |list| @values[:servers] = list }
        number(options, :runs, "runs of each cell, of which the median counts")
        options.on("--seconds N", Integer, "length of a run; #{SECONDS} by default, #{SOAK_SECONDS} for soak") { |value| @values[:seconds] = value }
        list(options, :connections, "keep-alive connections; each number is a case of its own")
        number(options, :threads, "threads of each server for the app")
        list(options, :rates, "requests per second offered in the row latency")
        options.on("--path NAME=PATH", "the program of a server that is not on PATH; may be repeated") { |text| name_path(text) }
        options.on("--out DIR", "keep the results here; tmp/bench/TIME by default") { |path| @values[:out] = path }
        options.on("-h", "--help", "this text") { @help = true }
      end
    end

    def name_path(text)
      name, path = text.split("=", 2)
      known = Server.all.select { |server| server < Peer }.map(&:program).compact.uniq
      raise Failure, "--path #{text}: known are #{known.join(", ")}" unless known.include?(name)
      raise Failure, "--path #{text}: #{path ? "no program there" : "NAME=PATH is meant"}" unless path && File.executable?(path) && File.file?(path)

      @values[:paths] = { **@values[:paths], name => File.expand_path(path) }
    end

    def number(options, name, text)
      options.on("--#{name} N", Integer, "#{text}; #{DEFAULTS[name]} by default") { |value| @values[name] = value }
    end

    def list(options, name, text)
      options.on("--#{name} N,N", Array, "#{text}; #{DEFAULTS[name].join(",")} by default") do |values|
        @values[name] = values.map { |value| Integer(value, exception: false) || 0 }
      end
    end

    def validate
      %i[runs seconds connections threads rates].each do |name|
        raise Failure, "--#{name} takes numbers of 1 or more" unless [*@values[name]].all?(&:positive?)
      end
      rows.each { |label| Row.named(label) }
      servers&.each { |label| Server.named(label) }
    end
  end
end
