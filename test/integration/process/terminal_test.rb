# frozen_string_literal: true

require_relative "process_case"
require "net/http"
require "pty"

# A server in a terminal, and in the thread of another program.
class TerminalTest < HyperionTest::ProcessCase
  { "one_process" => [], "a_cluster" => %w[-w 2] }.each do |name, flags|
    define_method("test_a_closed_terminal_ends_#{name}") do
      in_terminal(*flags) do |terminal, pid, port|
        serving_pid(port)
        terminal.each(&:close)
        eventually("it goes on", timeout: 10) { Process.wait(pid, Process::WNOHANG) }
        assert_raises(Errno::ECONNREFUSED) { TCPSocket.new("127.0.0.1", port) }
      end
    end
  end

  def test_a_hangup_in_a_terminal_that_is_there_reads_again
    in_terminal do |_, pid, port|
      Process.kill(:HUP, pid)
      3.times { assert_equal pid, serving_pid(port) }
    end
  end

  def test_nohup_is_obeyed
    in_terminal(before: ["sh", "-c", "trap '' HUP; exec \"$@\"", "-"]) do |terminal, pid, port|
      terminal.each(&:close)
      3.times { assert_equal pid, serving_pid(port) }
    end
  end

  def test_the_first_interrupt_tells_of_the_second
    server = boot(BASIC)
    assert_equal 0, server.stop(:INT).exitstatus
    assert_match(/a second interrupt ends the server at once/, server.log)
  end

  EMBEDDED = <<~'RUBY'
    require "hyperion"
    require "rack"
    require "net/http"
    require "hyperion/handler"
    handler = Module.new { extend Hyperion::Handler }
    before = Signal.trap("INT", "DEFAULT")
    booted = Thread::Queue.new
    thread = Thread.new { handler.run(->(_) { [200, {}, ["embedded"]] }, Host: "127.0.0.1", Port: 0, Silent: true) { |server| booted << server } }
    server = booted.pop
    puts Net::HTTP.get(URI(server.urls.first))
    puts Signal.trap("INT", "DEFAULT").inspect
    handler.stop
    thread.join
    puts server.urls.inspect
  RUBY

  def test_a_handler_in_a_thread_leaves_signals_alone
    out, err, status = capture(RbConfig.ruby, "-Ilib", "-e", EMBEDDED)
    assert_equal ["embedded\n\"DEFAULT\"\n[]\n", 0], [out, status.exitstatus], err
  end

  CAPYBARA = <<~'RUBY'
    module Capybara
      SERVERS = {}
      def self.register_server(name, &block) = SERVERS[name] = block
    end
    $LOADED_FEATURES << "capybara.rb"
    require "hyperion/capybara"
    require "net/http"
    port = TCPServer.open("127.0.0.1", 0) { |free| free.addr[1] }
    Thread.new { Capybara::SERVERS[:hyperion].call(->(_) { [200, {}, ["tested"]] }, port, "127.0.0.1", threads: 2) }
    begin
      puts Net::HTTP.get(URI("http://127.0.0.1:#{port}/"))
    rescue SystemCallError
      sleep(0.01) && retry
    end
  RUBY

  def test_capybara_can_have_it_as_its_server
    out, err, status = capture(RbConfig.ruby, "-rsocket", "-Ilib", "-e", CAPYBARA)
    assert_equal ["tested\n", 0], [out, status.exitstatus], err
  end

  private

  def in_terminal(*flags, before: [])
    command = [*before, *HyperionTest::TestServer.command, "-b", "127.0.0.1", "-p", "0", *flags, BASIC]
    screen, keyboard, pid = PTY.spawn(*command)
    yield [screen, keyboard], pid, port_on(screen)
  ensure
    [screen, keyboard].each { |io| io.close unless io.closed? }
    kill_group(pid)
  end

  def port_on(screen)
    text = +""
    text << screen.readpartial(4096) until text =~ %r{Listening on http://127\.0\.0\.1:(\d+)}
    Integer(Regexp.last_match(1))
  end

  def serving_pid(port) = Integer(Net::HTTP.get(URI("http://127.0.0.1:#{port}/pid")))
end
