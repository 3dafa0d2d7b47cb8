# frozen_string_literal: true

# Works while the garbage collector is at its worst: objects move, and some requests run under GC.stress.
# Every header name, header value and body follows from the path, so that one stray byte shows.
class Answers
  COMPACTS = GC.respond_to?(:compact)
  # Collects at every allocation, but only what is young: bearable more often.
  NO_MAJOR = 1

  def initialize
    GC.auto_compact = true if GC.respond_to?(:auto_compact=)
    @count = 0
  rescue NotImplementedError
    @count = 0
  end

  def call(env)
    seed = Integer(env["PATH_INFO"].delete_prefix("/"))
    @count += 1
    GC.compact if COMPACTS && (@count % 23).zero?
    case
    when (@count % 300).zero? then under(true) { answer(env, seed) }
    when (@count % 29).zero? then under(NO_MAJOR) { answer(env, seed) }
    else answer(env, seed)
    end
  end

  private

  def under(stress)
    GC.stress = stress
    yield
  ensure
    GC.stress = false
  end

  def answer(env, seed)
    headers = (1..8).to_h { |i| ["x-#{(seed * i).to_s(36)}-#{i}", "#{env["QUERY_STRING"]}/#{seed * i}" * (i + 1)] }
    headers["x-echo"] = env.fetch("HTTP_X_SENT")
    headers["x-own"] = env.fetch("HTTP_X_NAME_#{seed}")
    headers["set-cookie"] = ["a=#{seed}", "b=#{seed + 1}"]
    [200, headers, body(env["rack.input"].read, seed)]
  end

  def body(sent, seed)
    pieces = [sent, *(1..20).map { |i| "#{seed}:#{i}," * 20 }]
    return pieces if seed.even?

    Enumerator.new { |out| pieces.each { |piece| out << piece.dup } }
  end
end

run Answers.new
