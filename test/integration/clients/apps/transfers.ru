# frozen_string_literal: true

# What clients and proxies move through the server: the path selects what, the query how much.

require "digest"
require "json"

TEXT = { "content-type" => "text/plain" }.freeze

# Bytes whose place shows, so that a lost or doubled piece does too.
PATTERN = (0...131_072).map { |index| format("%08x", index) }.join.freeze

def made(&each) = Enumerator.new { |yielder| each.call(yielder) }
def numbers(env) = env["QUERY_STRING"].split(",").map { |number| Integer(number) }

def digest(input)
  sha = Digest::SHA256.new
  size = 0
  while (part = input.read(65_536))
    sha << part
    size += part.bytesize
  end
  { size: size, sha256: sha.hexdigest }
end

ROUTES = {
  # SIZE,PIECE: a body of that size in writes of that size, which divides that of the pattern.
  "/download" => lambda { |env|
    size, piece = numbers(env)
    made { |yielder| (0...size).step(piece) { |from| yielder << PATTERN.byteslice(from % PATTERN.bytesize, piece) } }
  },
  "/upload" => ->(env) { [JSON.generate(digest(env["rack.input"]))] },
  # COUNT: a line each millisecond.
  "/ticks" => lambda { |env|
    made do |yielder|
      numbers(env).first.times do |index|
        sleep 0.001
        yielder << "tick #{index}\n"
      end
    end
  },
  "/hints" => ->(env) { env["rack.early_hints"]&.call("link" => "</a.css>; rel=preload").then { ["hinted"] } },
  "/page" => ->(env) { ["page for #{env["SERVER_PROTOCOL"]}"] }
}.freeze

run ->(env) { ROUTES.key?(env["PATH_INFO"]) ? [200, TEXT.dup, ROUTES[env["PATH_INFO"]].call(env)] : [404, TEXT.dup, []] }
