# frozen_string_literal: true

require "io/wait"
require "json"
require "time"
require_relative "log/terminal_line"

module Hyperion
  # Log lines of this half, in the shape of the engine's. While an engine runs in this process the
  # lines go through its writer, so that there is one order and one file.
  class Log
    LEVELS = %i[debug info warn error].freeze
    PLAIN = /\A[!#-<>-\[\]-~]+\z/
    ESCAPES = { "\t" => "\\t", "\r" => "\\r", "\n" => "\\n", "\"" => "\\\"", "\\" => "\\\\" }.freeze

    # What others write to a pipe, too, arrives in one piece up to so many bytes.
    PIPE_BYTES = 4096
    # Of each value, where a line would be longer: the first with which it is not.
    VALUE_BYTES = [3584, 3072, 2560, 2048, 1536, 1024, 512, 256, 128, 64, 16].freeze

    # A reader that takes nothing for so long gets no more lines until it does.
    PATIENCE_S = 0.2

    # @return [String, nil] the file, if it is one
    # @api private
    attr_reader :path

    # @return [#log, nil] the engine that writes; a child of its process has none
    # @api private
    def engine = (@engine if @engine_pid == Process.pid)

    # @param engine [#log, nil]
    # @api private
    def engine=(engine)
      @engine_pid = Process.pid
      @engine = engine
    end

    # @param file [String, nil] path to append to, else standard output
    def initialize(level: :info, format: :text, color: false, file: nil)
      @level = LEVELS.index(level)
      @format = format
      @terminal_line = TerminalLine.new(color: color) if format == :terminal
      @path = file
      reopen
    end

    # @param configuration [Configuration]
    # @return [Log]
    # @raise [Error] where the file cannot be written
    # @api private
    def self.for(configuration)
      new(level: configuration.log_level, format: configuration.log_format, color: configuration.log_color?, file: configuration.log_file)
    end

    LEVELS.each do |level|
      # @param message [String]
      # @param fields [Hash{Symbol=>Object}]
      define_method(level) { |message, **fields| write(level, message, fields) }
      define_method(:"#{level}?") { LEVELS.index(level) >= @level }
    end

    # @param level [Symbol] one of LEVELS
    # @return [nil]
    def write(level, message, fields = {})
      return if LEVELS.index(level) < @level

      writer = engine
      return writer.log(level, message.to_s, fields.to_h { |name, value| [name.to_s, value.to_s] }) if writer

      @io.write(fitting(level, message.to_s, fields)) if writable?
      nil
    rescue SystemCallError, IOError
      nil # There is nowhere left to tell it.
    end

    # A line to be written later, whose time is given by @ts@, or on a terminal by @time@.
    # @return [String]
    # @api private
    def template(level, message) = line(level, message, {}, time: "@ts@", time_of_day: "@time@")

    # Opens the file again, after it was renamed.
    # @raise [Error] where that cannot be done; the former file stays
    def reopen
      former = @io
      @io = @path ? File.open(@path, File::WRONLY | File::APPEND | File::CREAT, 0o640).tap { |io| io.sync = true } : $stdout
      former.close if former.is_a?(File) && @path
    rescue SystemCallError => e
      raise Error, "the log file #{@path} cannot be opened: #{e.message}"
    end

    # As `reopen`; where that cannot be done, the former file tells it.
    # @api private
    def try_reopen
      reopen
    rescue Error => e
      error(e.message)
    end

    private

    def writable? = !@io.is_a?(IO) || @io.wait_writable(PATIENCE_S)

    # A file or a terminal takes a line of any length in one piece.
    def fitting(level, message, fields)
      whole = line(level, message, fields)
      return whole if whole.bytesize <= PIPE_BYTES || !@io.is_a?(IO) || @io.stat.file? || @io.stat.chardev?

      VALUE_BYTES.each do |max|
        whole = line(level, cut(message, max), fields.transform_values { |value| value.is_a?(Numeric) ? value : cut(value.to_s, max) })
        break if whole.bytesize <= PIPE_BYTES
      end
      whole
    end

    def cut(text, max) = text.bytesize <= max ? text : "#{text.byteslice(0, max).scrub("")}..."

    def line(level, message, fields, now = Time.now, time: now.utc.iso8601(3), time_of_day: now.getlocal.strftime("%T"))
      return @terminal_line.render(time_of_day, level, message, fields) if @terminal_line

      all = { ts: time, level: level, source: "server", message: message, **fields }
      return "#{JSON.generate(all.transform_values { |value| value.is_a?(Numeric) ? value : value.to_s.scrub })}\n" if @format == :json

      "#{all.map { |name, value| "#{name}=#{escape(value.to_s.scrub)}" }.join(" ")}\n"
    end

    def escape(text)
      return text if text.match?(PLAIN)

      "\"#{text.gsub(/[^ -~]|["\\]/) { |char| ESCAPES[char] || char.bytes.map { |byte| format("\\x%02x", byte) }.join }}\""
    end
  end
end
