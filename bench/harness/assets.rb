# frozen_string_literal: true

require "fileutils"

module Bench
  # Files to be served: text that does not repeat, the same on every machine.
  module Assets
    FOLDER = "#{ROOT}/tmp/bench/assets"
    SIZES = { "1k.txt" => 1024, "100k.txt" => 100 * 1024, "1m.txt" => 1024 * 1024 }.freeze

    module_function

    # Makes the files that are not here.
    # @raise [Failure] when they cannot be written
    def make
      FileUtils.mkdir_p(FOLDER)
      SIZES.each_key do |name|
        path = "#{FOLDER}/#{name}"
        File.binwrite(path, content(name)) unless File.exist?(path) && File.binread(path) == content(name)
      end
    rescue SystemCallError => error
      raise Failure, "the files to be served cannot be made: #{error.message}"
    end

    # @return [String]
    def content(name)
      random = Random.new(SIZES.fetch(name))
      letters = [*"a".."z", *"0".."9", "\n"]
      Array.new(SIZES.fetch(name)) { letters[random.rand(letters.size)] }.join
    end
  end
end
