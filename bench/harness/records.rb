# frozen_string_literal: true

require "json"
require_relative "measured"

module Bench
  # What a journal has kept, read again.
  class Records
    # The runs of one server in one case, and why there are no more.
    Cell = Struct.new(:runs, :failure, :skipped) do
      include Measured

      # Whether it was to be measured and could not be.
      def failed? = !failure.nil? && !skipped
    end

    FILE = "runs.jsonl"
    PLACE = %i[row case server].freeze

    attr_reader :path

    # @return [Hash{Symbol=>Object}] facts of the machine
    attr_reader :machine

    # @return [Hash{Array<String>=>Cell}] by row, case and server
    attr_reader :cells

    # @param path [String] a result folder, or the file of its runs
    # @raise [Failure] when it cannot be read or holds no run
    def initialize(path)
      @path = path
      @machine = {}
      @cells = Hash.new { |cells, place| cells[place] = Cell.new([], nil, false) }
      File.foreach(file, encoding: "UTF-8").with_index(1) { |line, number| take(line, number) }
      raise Failure, "#{path}: no cell has a run" if measured.empty?
    rescue SystemCallError => error
      raise Failure, "#{file} cannot be read: #{error.message[/[^@]*/].strip}"
    end

    # @return [Hash{Array<String>=>Cell}] those that have a run
    def measured = cells.select { |_, cell| cell.runs.any? }

    private

    def file = File.directory?(path) ? "#{path}/#{FILE}" : path

    def take(line, number)
      record = JSON.parse(line, symbolize_names: true)
      raise Failure, "#{path}:#{number}: is no record of a bench" unless record.is_a?(Hash) && record.key?(:kind)

      remember(record)
    rescue JSON::ParserError, EncodingError
      raise Failure, "#{path}:#{number}: is no JSON: #{line[0, 60].scrub.inspect}"
    end

    def remember(record)
      case record[:kind]
      when "machine" then @machine = record
      when "run" then @cells[record.values_at(*PLACE)].runs << record
      when "cell"
        cell = @cells[record.values_at(*PLACE)]
        cell.failure, cell.skipped = record.values_at(:failure, :skipped)
      end
    end
  end
end
