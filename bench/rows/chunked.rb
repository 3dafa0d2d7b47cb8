# frozen_string_literal: true

require "zlib"
require_relative "post"

module Bench
  # A body of 8 KiB in chunks of 1 KiB, which the app reads.
  class Chunked < Post
    label "chunked"
    about "What does a body of 8 KiB in chunks of 1 KiB cost, which the app reads?"

    BYTES = Random.new(1).bytes(8 * 1024).unpack1("H*").byteslice(0, 8 * 1024).freeze
    ANSWER = "#{BYTES.bytesize} #{Zlib.crc32(BYTES)}"

    def app
      App.new(path: "#{ROOT}/bench/apps/chunked.ru", post: BYTES, chunk: 1024, body: ANSWER,
              headers: { "content-type" => "text/plain", "content-length" => ANSWER.bytesize.to_s })
    end
  end
end
