# frozen_string_literal: true

require_relative "kinds"

module Hyperion
  # The file that holds the admin token.
  module TokenFile
    OTHERS = 0o007

    # @param path [String]
    # @raise [Kinds::Invalid] saying what to do about it
    # @return [String] the token, without white space around it
    def self.read(path)
      File.open(path, File::RDONLY | File::NONBLOCK) do |file|
        stat = file.stat
        raise Kinds::Invalid, "#{path} is not a file" unless stat.file?
        raise Kinds::Invalid, "#{path} is open to everybody on this machine; run chmod 600 #{path}" if stat.mode.anybits?(OTHERS)

        Kinds::Secret.new.parse(file.read(Kinds::Secret::BYTES + 2).to_s.strip)
      end
    rescue Kinds::Invalid => e
      raise Kinds::Invalid, e.message.start_with?(path) ? e.message : "#{path}: #{e.message}"
    rescue SystemCallError => e
      raise Kinds::Invalid, "#{path} cannot be read: #{e.message}"
    end
  end
end
