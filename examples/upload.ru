# frozen_string_literal: true

require "digest"

# Counts and digests what it is sent, and echoes it on /echo:
#   curl --data-binary @some/file http://127.0.0.1:9292/
run(lambda do |env|
  input = env["rack.input"]
  text = { "content-type" => "text/plain" }
  next [200, text, [input&.read.to_s]] if env["PATH_INFO"] == "/echo"

  digest = Digest::SHA256.new
  bytes = 0
  while (piece = input&.read(64 * 1024))
    digest << piece
    bytes += piece.bytesize
  end
  [200, text, ["#{bytes} bytes, sha256 #{digest.hexdigest}\n"]]
end)
