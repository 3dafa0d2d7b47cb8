# frozen_string_literal: true

require_relative "lines_case"

# Whatever bytes arrive, each response is one line of the promised shape.
module HostileBytes
  COUNT = Integer(ENV.fetch("HOSTILE_REQUESTS", "150"))
  STATUS = %r{^HTTP/1\.1 [1-5]\d\d }n
  REFUSAL = %w[reason option].freeze # Of those that were turned away.
  PIECES = ["\"", "\\", "\",\"status\":999,\"x\":\"", "\e[31m", "\e]0;title\a", "\x00", "\x7f", "\xff\xfe".b, "\xC2\x9B".b, "\xE2\x80\xA8".b,
    "\xE2\x80\xAE".b, "%0d%0a", "%0a{\"level\":\"error\"}", "\t", " status=500", "=", "|", "%", "${jndi:ldap://a}", "<script>", "\r", "\n",
    "\r\n", "{}", "'", ";", "&", "?", "#", "\u00e4".b, "\xC3".b].map(&:b).freeze

  def test_B5_W19_each_answer_is_one_line_whatever_was_sent
    random = Random.new(Minitest.seed)
    answers = Array.new(COUNT) { connect.write(hostile(random)).close_write.read_to_end.scan(STATUS).size }.sum
    assert_operator answers, :>=, COUNT / 2
    get("/the-last")
    lines = eventually { server.stdout.lines.drop_while { |line| !access?(line) }.then { |found| found if found.last&.match?(%r{/the-last.*\n\z}) } }
    lines.each { |line| assert_shape(line) }
    assert_equal answers + 1, lines.size
  end

  private

  # A request line and fields of which any part may be nonsense; mostly the head ends where it should.
  def hostile(random)
    junk = ->(most) { Array.new(random.rand(0..most)) { random.rand < 0.7 ? PIECES.sample(random: random) : random.bytes(random.rand(1..9)) }.join }
    tame = ->(most) { junk.call(most).tr("\x00-\x20\x7f".b, "~") }
    target = "/".b + (random.rand < 0.7 ? tame.call(8) : junk.call(8))
    method = random.rand < 0.9 ? "GET".b : junk.call(2)
    value = random.rand < 0.7 ? tame.call(9) : junk.call(9)
    fields = ["User-Agent", "Referer", "X-Forwarded-For", "X-Request-Start"].map { |name| "#{name}: ".b + value + "\r\n".b }
    method + " ".b + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n".b + fields.join + "\r\n".b
  end
end

class HostileJsonTest < HyperionTest::LinesCase
  include HostileBytes
  serve APP, "--log-format", "json"
  FIELDS = %w[ts level source message method path query status duration_ms queue_ms bytes remote_addr http_version].freeze

  def access?(line) = line.start_with?("{")

  def assert_shape(line)
    assert line.valid_encoding?, line.inspect
    refute_match(/[\x00-\x09\x0b-\x1f\x7f\u0080-\u009f\u2028-\u202e]/, line)
    entry = JSON.parse(line)
    assert_equal FIELDS, entry.keys - REFUSAL
    assert_equal %w[info access request 127.0.0.1], entry.values_at("level", "source", "message", "remote_addr")
    assert_includes [200, 400, 404, 405, 408, 413, 414, 431, 501, 505], entry["status"]
  end
end

class HostileTextTest < HyperionTest::LinesCase
  include HostileBytes
  serve APP, "--log-format", "text"
  PAIR = /\w+=(?:[!#-<>-\[\]-~]+|"(?:[^"\\]|\\.)*")/
  FIELDS = HostileJsonTest::FIELDS

  def access?(line) = line.start_with?("ts=")

  def assert_shape(line)
    assert_match(/\A[ -~]+\n\z/, line)
    assert_match(/\A#{PAIR}(?: #{PAIR})*\n\z/, line)
    assert_equal FIELDS, line.scan(PAIR).map { |pair| pair[/\A\w+/] } - REFUSAL
  end
end

class HostilePatternTest < HyperionTest::LinesCase
  include HostileBytes
  serve APP, "--log-format", '%{remote_addr}|%{method}|%{target}|"%{header.user-agent}" [%{header.referer}] %{status}'

  def access?(line) = line.match?(/\A127\.0\.0\.1\|/)

  def assert_shape(line)
    assert_match(/\A127\.0\.0\.1\|[!-{}~]+\|[!-{}~]+\|"[ !#-\[\]-~\\]*" \[[!-\\^-~]+\] \d{3}\n\z/, line)
    assert_equal 2, line.count('"')
  end
end
