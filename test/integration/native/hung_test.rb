# frozen_string_literal: true

require_relative "native_case"

# What needs no Ruby is answered while all of Ruby hangs.
class HungTest < HyperionTest::NativeCase
  THREADS = 2
  FILE = File.read("#{ROOT}/#{app("hung")}")

  # Where the interpreter's lock is held for good, one thread of the app is all that can begin to hang.
  HANGS = { "sleep" => THREADS, "hold" => 1, "collect" => THREADS, "spin" => THREADS }.freeze

  serve app("hung")

  HANGS.each do |kind, begins|
    [false, true].each do |hooks|
      define_method("test_all_threads_#{kind}_#{hooks ? "with" : "without"}_hooks") { assert_answers_while(kind, begins, hooks) }
    end
  end

  def assert_answers_while(kind, begins, hooks)
    hung = boot(self.class.app("hung"), "-t", THREADS, "--admin-token", TOKEN, env: { "WITH_HOOKS" => hooks ? "1" : nil })
    get("/static", to: hung)
    stuck = Array.new(THREADS) { connect(hung).request("GET", "/#{kind}") }
    hung.wait_for_log(/(?:hanging by .*\n(?:.*\n)*?){#{begins}}/)
    waiting = connect(hung).request("GET", "/rack")
    assert waiting.silent?(0.3), "the app still answers"
    client = connect(hung)
    200.times { assert_native(client) }
    assert_equal 200, get("/static", to: hung).status, "a new connection"
    assert_equal %w[ok ready], %w[/-/health /-/ready].map { |path| get(path, to: hung).body }
    assert_operator modes(to: hung)["native"], :>=, 200
    assert(stuck.all? { |other| other.silent?(0) })
    assert waiting.silent?(0), "the app answered meanwhile"
  end

  def assert_native(client)
    assert_equal "static", client.get("/static").body
    assert_equal 304, client.get("/static", "if-none-match" => "*").status
    assert_equal FILE, client.get("/apps/hung.ru").body.force_encoding("UTF-8")
  end

  # A server whose only thread sleeps.
  def boot_asleep(*options)
    boot(self.class.app("hung"), "-t", "1", *options).tap do |hung|
      connect(hung).request("GET", "/sleep")
      hung.wait_for_log(/hanging by/)
    end
  end

  def test_a_block_waits_for_a_thread
    hung = boot_asleep
    blocked = connect(hung).request("GET", "/block")
    assert blocked.silent?(0.3)
    assert_equal "static", get("/static", to: hung).body
  end

  def test_through_ruby_everything_waits_for_a_thread_but_the_server_itself
    hung = boot_asleep("--no-native-routes")
    waiting = %w[/static /apps/hung.ru].map { |path| connect(hung).request("GET", path) }
    assert(waiting.all? { |client| client.silent?(0.3) })
    assert_equal %w[ok ready], %w[/-/health /-/ready].map { |path| get(path, to: hung).body }
  end
end
