# frozen_string_literal: true

require_relative "process_case"
require "net/http"

# Hyperion inside other programs: Hyperion::Server.new, rackup and rails server.
class EmbeddingTest < HyperionTest::ProcessCase
  RACKUP = ENV["PATH"].split(":").map { |path| "#{path}/rackup" }.find { |path| File.executable?(path) }
  RAILS = "#{ROOT}/test/integration/apps/rails"

  SCRIPT = <<~'RUBY'
    require "hyperion"
    require "net/http"
    server = Hyperion::Server.new(app: ->(env) { [200, { "content-type" => "text/plain" }, ["#{env["PATH_INFO"]} by #{Process.pid}"]] },
                                  bind: "127.0.0.1", port: 0, threads: 2, log_requests: false)
    server.start
    2.times { |i| puts Net::HTTP.get(URI("http://127.0.0.1:#{server.port}/request#{i}")) }
    puts "mine #{Process.pid}"
    port = server.port
    server.stop
    begin
      TCPSocket.new("127.0.0.1", port)
      puts "still open"
    rescue Errno::ECONNREFUSED
      puts "closed"
    end
  RUBY

  RAISING = <<~'RUBY'
    require "hyperion"
    require "net/http"
    server = Hyperion::Server.new(app: ->(_) { raise "secret" }, bind: "127.0.0.1", port: 0, log_level: :error).start
    puts Net::HTTP.get(URI("http://127.0.0.1:#{server.port}/"))
    server.stop
  RUBY

  # It may be in production without saying so.
  def test_a_program_tells_clients_nothing_of_its_errors
    out, = ruby(RAISING)
    assert_includes out.lines, "Internal Server Error\n"
  end

  def test_start_port_and_stop
    out, err, status = ruby(SCRIPT)
    pid = out[/mine (\d+)/, 1]
    assert_equal ["/request0 by #{pid}", "/request1 by #{pid}", "mine #{pid}", "closed"],
      out.lines(chomp: true).grep(/ by |mine|closed|open/), err
    assert status.success?, err
  end

  def test_two_servers_in_one_process
    out, err, = ruby(<<~'RUBY')
      require "hyperion"
      require "net/http"
      servers = %w[one two].map do |name|
        Hyperion::Server.new(app: ->(_) { [200, {}, [name]] }, bind: "127.0.0.1", port: 0, log_requests: false).tap(&:start)
      end
      puts servers.map { |server| Net::HTTP.get(URI("http://127.0.0.1:#{server.port}/")) }.inspect
      servers.each(&:stop)
      puts "ended"
    RUBY
    assert_includes out, '["one", "two"]', err
    assert_includes out, "ended", err
  end

  STOPPING = <<~'RUBY'
    require "hyperion"
    require "net/http"
    app = ->(env) { env["PATH_INFO"] == "/stop" && $server.stop; [200, {}, ["fine"]] }
    $server = Hyperion::Server.new(app: app, bind: "127.0.0.1", port: 0, log_requests: false, graceful_timeout: 20).start
    ask = ->(path = "/") { Net::HTTP.get(URI("http://127.0.0.1:#{$server.port}#{path}")) }
    refused = -> { TCPSocket.new("127.0.0.1", $port) && false rescue true }
    $port = $server.port
    ask.call
  RUBY

  # What stops the server, and what is printed then.
  STOPS = {
    "a_signal_handler" => 'trap("TERM") { $server.stop }; Process.kill(:TERM, Process.pid); sleep 0.01 until refused.call; puts "ended"',
    "a_request" => 'puts ask.call("/stop"); sleep 0.01 until refused.call; puts "ended"',
    "several_threads_at_once" => 'Array.new(8) { Thread.new { $server.stop } }.each(&:join); puts refused.call ? "ended" : "open"',
    "an_at_exit_of_a_child" => 'Process.wait(fork { at_exit { $server.stop } }); puts ask.call; $server.stop; puts "ended"',
    "a_child_while_it_stops" => 'hold = Thread.new { $server.stop }; Process.wait(fork { $server.stop }); hold.join; puts "ended"'
  }.freeze

  STOPS.each do |name, code|
    define_method("test_H7_stop_returns_in_#{name}") do
      out, err, status = ruby("#{STOPPING}#{code}", timeout: 15)
      assert_equal "ended", out.lines(chomp: true).last, err
      assert_empty err
      assert status.success?, err
    end
  end

  def test_stop_twice_and_start_again
    out, err, = ruby(<<~'RUBY')
      require "hyperion"
      require "net/http"
      2.times do
        server = Hyperion::Server.new(app: ->(_) { [200, {}, ["again"]] }, bind: "127.0.0.1", port: 0, log_requests: false)
        server.start
        puts Net::HTTP.get(URI("http://127.0.0.1:#{server.port}/"))
        2.times { server.stop }
      end
    RUBY
    assert_equal 2, out.scan("again").size, err
  end

  def test_a_bad_option_is_an_error_of_hyperion
    out, err, = ruby(<<~'RUBY')
      require "hyperion"
      begin
        Hyperion::Server.new(app: ->(_) {}, treads: 5)
      rescue Hyperion::Error, ArgumentError => error
        puts "refused #{error.message}"
      end
    RUBY
    assert_match(/refused .*treads/, out, err)
  end

  def test_a_port_in_use_is_an_error_of_hyperion
    out, err, = ruby(<<~RUBY)
      require "hyperion"
      begin
        Hyperion::Server.new(app: ->(_) {}, bind: "127.0.0.1", port: #{server.port}).start
      rescue Hyperion::Error => error
        puts "refused \#{error.message}"
      end
    RUBY
    assert_match(/refused .*#{server.port}/, out, err)
  end

  def test_the_version_and_the_error_class
    out, err, = ruby('require "hyperion"; p Hyperion::VERSION, Hyperion::Error.superclass')
    assert_match(/\A"\d+\.\d+\.\d+.*"\nStandardError\n\z/, out, err)
  end

  def test_rackup
    flunk "rackup is not installed" unless RACKUP
    rackup = boot(BASIC, bind: false, command: [RbConfig.ruby, RACKUP, "-s", "hyperion", "-o", "127.0.0.1", "-p", "0"], env: library)
    assert_equal rackup.pid.to_s, body("/pid", to: rackup)
    assert_equal 404, get("/nothing", to: rackup).status
    assert_equal 0, rackup.stop(:TERM).exitstatus
  end

  def test_rackup_with_options
    flunk "rackup is not installed" unless RACKUP
    rackup = boot(BASIC, bind: false, env: library, command:
      [RbConfig.ruby, RACKUP, "-s", "hyperion", "-o", "127.0.0.1", "-p", "0", "-E", "production", "-O", "Threads=1"])
    assert_equal rackup.pid.to_s, body("/pid", to: rackup)
    assert_includes [0, 130], rackup.stop(:INT).exitstatus
  end

  def test_rails_server
    need_rails
    rails = boot(nil, bind: false, chdir: RAILS, env: library, command:
      [RbConfig.ruby, "bin/rails", "server", "-u", "hyperion", "-b", "127.0.0.1", "-p", "0", "-e", "production", "-P", "#{dir}/rails.pid"])
    assert_match(/Hello from Rails/, body("/", to: rails))
    assert_equal rails.pid, Integer(File.read("#{dir}/rails.pid"))
    assert_includes [0, 130], rails.stop(:INT).exitstatus
  end

  private

  def ruby(script, **options) = capture(RbConfig.ruby, "-I#{ROOT}/lib", "-e", script, **options)

  def library = { "RUBYLIB" => "#{ROOT}/lib" }
end
