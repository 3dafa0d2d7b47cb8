# frozen_string_literal: true

require_relative "rack_case"

# Many different requests at once while objects move: every byte of every answer is known beforehand.
class CollectorTest < HyperionTest::RackCase
  serve app("collector"), "-t", "3"

  ROOT = HyperionTest::TestServer::ROOT
  CLIENTS = 4
  REQUESTS = 100

  def test_W18_exact_answers_under_compaction_and_stress
    running = server
    problems = Array.new(CLIENTS) { |number| Thread.new { client(running, number) } }.flat_map(&:value)
    assert_empty problems.first(3)
    assert server.alive?
  end

  %w[bodies closing env headers hijack input lint stale].each do |name|
    define_method("test_W18_#{name}_while_objects_move") do
      env = { "RUBYOPT" => "-r#{__dir__}/apps/collecting.rb" }
      output = IO.popen([env, RbConfig.ruby, "-Ilib", "-Itest", "#{__dir__}/#{name}_test.rb", { chdir: ROOT, err: %i[child out] }], &:read)
      assert $?.success?, output
    end
  end

  private

  def client(running, number)
    connection = running.connect(timeout: 60)
    (1..REQUESTS).filter_map do |i|
      seed = (number * 7919) + (i * 31)
      problem(seed, ask(connection, seed))
    end
  ensure
    connection&.close
  end

  def ask(connection, seed)
    sent = "#{seed} " * (seed % 400)
    connection.post("/#{seed}?q#{seed}", sent, "x-sent" => "sent-#{seed}" * 3, "x-name-#{seed}" => "own #{seed}", "x-q" => "q#{seed}")
  end

  def problem(seed, response)
    return "#{seed}: status #{response.status}" unless response.status == 200

    wanted = wanted_headers(seed)
    got = response.headers.reject { |name, _| %w[date content-length transfer-encoding connection].include?(name.downcase) }
    return "#{seed}: headers #{(got - wanted).inspect} instead of #{(wanted - got).inspect}" unless got.sort == wanted.sort

    "#{seed}: body #{response.body[0, 200].inspect}" unless response.body == wanted_body(seed)
  end

  def wanted_headers(seed)
    made = (1..8).map { |i| ["x-#{(seed * i).to_s(36)}-#{i}", "q#{seed}/#{seed * i}" * (i + 1)] }
    made + [["x-echo", "sent-#{seed}" * 3], ["x-own", "own #{seed}"], ["set-cookie", "a=#{seed}"], ["set-cookie", "b=#{seed + 1}"]]
  end

  def wanted_body(seed)
    ("#{seed} " * (seed % 400)) + (1..20).map { |i| "#{seed}:#{i}," * 20 }.join
  end
end
