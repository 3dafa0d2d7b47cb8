# frozen_string_literal: true

require_relative "../../support/attack_case"

# Good requests with a few bytes changed, dropped, doubled or swapped, by seed: whatever they mean
# now, they are answered or refused, and never take the server with them.
class MutatedRequestsTest < HyperionTest::AttackCase
  SEEDS = Integer(ENV.fetch("TEST_MUTATION_SEEDS", "400"))
  FIRST_SEED = Integer(ENV.fetch("TEST_MUTATION_FIRST_SEED", "0"))
  SPICE = ["\r", "\n", "\0", " ", "\t", ":", ";", ",", "\r\n", "\r\n\r\n", "0", "1", "f", "\x80", "/", "?", "chunked",
           "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "HTTP/1.0", "*", "\v", "Host: b\r\n"].map(&:b).freeze
  REQUESTS = [
    head("Accept: */*", "Cookie: a=b", request: "GET /ignore?a=b HTTP/1.1"),
    "#{head("Content-Length: 11", request: "POST /echo HTTP/1.1")}hello world",
    "#{head("Transfer-Encoding: chunked", "Expect: 100-continue", request: "POST /ignore HTTP/1.1")}5;a=b\r\nhello\r\n0\r\nT: v\r\n\r\n",
    head("Connection: close, upgrade", "Upgrade: x", request: "OPTIONS * HTTP/1.1"),
    head("Connection: keep-alive", request: "HEAD http://a/ignore HTTP/1.0")
  ].map(&:b).freeze

  def test_A12_mutated_requests_do_no_harm
    (FIRST_SEED...FIRST_SEED + SEEDS).each { |seed| assert_survives(seed) }
    assert_equal 200, get("/ignore").status
    assert_equal 0, get("/stats").json["engine_panics"]
    refute_match(/panick/i, server.log)
  end

  private

  def assert_survives(seed)
    random = Random.new(seed)
    bytes = REQUESTS.sample(2, random: random).map { |request| mutate(request, random) }.join
    client = server.connect
    client.write(bytes).close_write
    answer = client.read_to_end
    assert(answer.empty? || answer.start_with?("HTTP/1.1 "), "seed #{seed}: #{answer[0, 100].inspect}")
    assert_empty answer.scan(%r{^HTTP/1\.1 (?:5(?!0[15])\d\d|[67]\d\d)}), "seed #{seed}: #{bytes.inspect}"
  rescue HyperionTest::RawClient::TimedOut
    flunk "seed #{seed}: neither an answer nor an end for #{bytes.inspect}"
  ensure
    client&.close
  end

  def mutate(bytes, random)
    bytes = bytes.dup
    random.rand(0..3).times do
      at = random.rand(bytes.size)
      case random.rand(4)
      when 0 then bytes[at] = SPICE.sample(random: random)
      when 1 then bytes.insert(at, SPICE.sample(random: random))
      when 2 then bytes.slice!(at, random.rand(1..8))
      when 3 then bytes.insert(at, bytes[at, random.rand(1..40)])
      end
    end
    bytes
  end
end
