# frozen_string_literal: true

require "monitor"
require "minitest/autorun"
require_relative "test_server"

# The at_exit of TestServer comes before Minitest's own, which runs the tests; this comes behind them.
Minitest.after_run { HyperionTest::TestServer.running.dup.each(&:destroy) }

module HyperionTest
  # A test case against the real executable. The class names its server once; it boots before the
  # first test that asks for it, serves all tests of the class, and is killed behind the last.
  #
  #   class CookieTest < HyperionTest::IntegrationCase
  #     serve "probe.ru", "-t", "1"
  #
  #     def test_cookies_are_joined
  #       assert_equal 200, connect.get("/echo").status
  #     end
  #   end
  #
  # A test that needs other options boots its own with `boot`, which is destroyed behind that test.
  class IntegrationCase < Minitest::Test
    # Threads of a test may ask for its server at once.
    BOOT = Monitor.new

    class << self
      # Arguments as of TestServer.start.
      def serve(app, *options, **settings)
        @serving = [app, options, settings]
      end

      def serving = @serving || superclass.serving

      # The server of this class, booted on first use and again when a test has ended it.
      def server
        BOOT.synchronize do
          next @server if @server&.alive?

          @server&.destroy
          app, options, settings = serving
          @server = TestServer.start(app, *options, **settings)
        end
      end

      def run(*)
        super
      ensure
        @server&.destroy
        @server = nil
      end
    end

    def server = self.class.server

    # A server for this test only.
    def boot(app, *options, **settings)
      TestServer.start(app, *options, **settings).tap { |booted| ending { booted.destroy } }
    end

    # A new connection, closed behind the test.
    # @return [RawClient]
    def connect(to = server, **options)
      to.connect(**options).tap { |client| ending { client.close } }
    end

    # One request on a connection of its own; `rest` as of RawClient#fetch.
    # @return [HttpResponse]
    def fetch(method, target, to: server, **rest)
      client = connect(to)
      client.fetch(method, target, **rest)
    ensure
      client&.close
    end

    def get(target, **rest) = fetch("GET", target, **rest)
    def post(target, body, **rest) = fetch("POST", target, body: body, **rest)

    # Skips where Rails is here but for its compiled parts, as beside a Ruby that Debian does not compile gems for.
    def need_rails
      here = %w[railties nokogiri].map { |name| Gem::Specification.find_all_by_name(name).any? }
      skip "nokogiri, which Rails needs, is not compiled for this Ruby" if here == [true, false]
    end

    # Registers work for the end of the test.
    def ending(&work) = (@endings ||= []).unshift(work)

    def teardown
      @endings&.each(&:call)
      puts "\n#{self.class}##{name}: the server printed\n#{server.log[-3000..] || server.log}" if ENV["TEST_LOG"] && !passed?
      super
    end

    # The bytes that arrive up to and with the match of `pattern`.
    def read_until(client, pattern, timeout: 5)
      seen = +"".b
      deadline = monotonic + timeout
      seen << client.read_some(timeout: deadline - monotonic) until pattern.match?(seen)
      seen
    end

    # The peer ends the connection in time and sends nothing more.
    def assert_ended(client, message = nil, timeout: RawClient::TIMEOUT_S)
      rest = client.read_to_end(timeout: timeout)
      assert_empty rest, message || "bytes before the end of the connection"
    rescue RawClient::TimedOut
      flunk "#{message}: the connection stayed open"
    end

    # Waits until the block is true; for states of the server that nothing announces.
    def eventually(message = "the awaited state did not come", timeout: 5)
      deadline = monotonic + timeout
      until (result = yield)
        flunk message if monotonic > deadline
        sleep 0.01
      end
      result
    end

    def monotonic = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    # Seconds that the block takes.
    def elapsed
      start = monotonic
      yield
      monotonic - start
    end
  end
end
