# frozen_string_literal: true

# What the visitors of script/soak ask. The query is the id of the request and a size: what is answered follows from both.

require "fiddle"
require_relative "content"

# Gives the kernel back what malloc keeps for later, where the C library can.
TRIM = begin
  Fiddle::Function.new(Fiddle.dlopen(nil)["malloc_trim"], [Fiddle::TYPE_SIZE_T], Fiddle::TYPE_INT)
rescue Fiddle::DLError
  ->(_) { 0 }
end

FOLDER = ENV.fetch("SOAK_FOLDER")
LEAK = ENV.fetch("SOAK_LEAK", "").split
LEAKED = []
TEXT = { "content-type" => "text/plain" }.freeze
PIECE_BYTES = 1500
EVENTS = 200
EVENT_PAUSE_S = 0.1

# One line a note, so that those of all workers end up in one file whole.
NOTES = File.open(File.join(FOLDER, "notes"), "a").tap { |file| file.sync = true }
NOTE = ->(word, id) { NOTES.write("#{word} #{id}\n") }

# What the test of the soak wants to be found.
LEAKS = { "descriptors" => -> { IO.pipe }, "threads" => -> { Thread.new { sleep } }, "memory" => -> { "x" * 2_097_152 } }.freeze

# Yields an answer in pieces, and notes that it was closed.
class Pieces
  def initialize(id, size)
    @id = id
    @bytes = Soak::Content.of(id, size)
  end

  def each
    (0...@bytes.bytesize).step(PIECE_BYTES) { |from| yield @bytes.byteslice(from, PIECE_BYTES) }
  end

  def close = NOTE.call("closed", @id)
end

# A file of the engine's to send.
class Sent
  def initialize(path) = @path = path
  def to_path = @path
  def each = yield(File.binread(@path))
end

plain = lambda do |_, id, size|
  LEAKED.concat(LEAKS.values_at(*LEAK).compact.map(&:call))
  [200, TEXT.dup, [Soak::Content.of(LEAK.include?("answers") ? "#{id}0" : id, size)]]
end

finished = lambda do |env, id, size|
  (env["rack.response_finished"] ||= []) << ->(*) { NOTE.call("finished", id) }
  [200, TEXT.dup, [Soak::Content.of(id, size)]]
end

stream = lambda do |_, id, size|
  bytes = Soak::Content.of(id, size)
  body = lambda do |out|
    (0...size).step(PIECE_BYTES) { |from| out.write(bytes.byteslice(from, PIECE_BYTES)) }
  ensure
    out.close
    NOTE.call("closed", id)
  end
  [200, TEXT.dup, body]
end

events = lambda do |_, id, _|
  body = lambda do |out|
    EVENTS.times do |i|
      out.write("id: #{i}\ndata: #{id}\n\n")
      out.flush
      sleep(EVENT_PAUSE_S)
    end
  ensure
    out.close
    NOTE.call("closed", id)
  end
  [200, { "content-type" => "text/event-stream" }, body]
end

# The child ends at once, sleeps, or returns into the server as somebody's library may.
forks = lambda do |_, id, size|
  child = case id % 3
          when 0 then fork { exit!(0) }
          when 1 then fork { sleep(1) || exit!(0) }
          else fork
          end
  Process.detach(child) if child
  [200, TEXT.dup, [Soak::Content.of(id, size)]]
end

taken = lambda do |env, id, size|
  io = env["rack.hijack"].call
  io.write("HTTP/1.1 200 OK\r\ncontent-length: #{size}\r\nconnection: close\r\n\r\n#{Soak::Content.of(id, size)}")
  io.close
  [-1, {}, []]
end

# Echoes lines behind the call.
lines = lambda do |env, *|
  io = env["rack.hijack"].call
  Thread.new do
    io.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: lines\r\nconnection: upgrade\r\n\r\n")
    while (line = io.gets) && line != "bye\n" do io.write("echo #{line}") end
    io.write("goodbye\n")
  rescue SystemCallError, IOError
    nil # The client has left.
  ensure
    io.close
  end
  [-1, {}, []]
end

ROUTES = {
  "/plain" => plain, "/finished" => finished, "/stream" => stream, "/events" => events, "/fork" => forks,
  "/taken" => taken, "/lines" => lines,
  "/each" => ->(_, id, size) { [200, TEXT.dup, Pieces.new(id, size)] },
  "/echo" => ->(env, *) { [200, TEXT.dup, [env["rack.input"].read]] },
  "/small" => ->(*) { [200, TEXT.dup, Sent.new(File.join(FOLDER, "small"))] },
  "/large" => ->(*) { [200, TEXT.dup, Sent.new(File.join(FOLDER, "large"))] },
  "/raise" => ->(_, id, _) { raise "secret of #{id}" },
  # What Ruby would free anyway is free when memory is measured.
  "/collect" => ->(*) { GC.start || [200, TEXT.dup, [Process.pid.to_s]] },
  "/trim" => ->(*) { TRIM.call(0) && [200, TEXT.dup, [Process.pid.to_s]] }
}.freeze

run lambda { |env|
  id, size = env["QUERY_STRING"].split(".").map(&:to_i)
  ROUTES.fetch(env["PATH_INFO"]).call(env, id, size || 0)
}
