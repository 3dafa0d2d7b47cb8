# frozen_string_literal: true

require "zlib"

# Reads all of a body and answers with its size and checksum.
run lambda { |env|
  bytes = env["rack.input"].read
  body = "#{bytes.bytesize} #{Zlib.crc32(bytes)}"
  [200, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }, [body]]
}
