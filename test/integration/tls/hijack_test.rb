# frozen_string_literal: true

require_relative "tls_case"
require_relative "../rack/hijack_cases"

# An application that takes a TLS connection gets a socket, too: what it writes leaves encrypted.
class TlsHijackTest < HyperionTest::TlsCase
  include HyperionTest::HijackCases

  APP = "test/integration/rack/apps/hijack.ru"
  serve APP, *LOCAL.flags, "-t", "3"

  # The application still holds all that it was given.
  HOLDING = <<~'RUBY'
    require "hyperion"
    require "openssl"
    envs, sockets = [], []
    app = lambda do |env|
      envs << env
      sockets << env["rack.hijack"].call.tap { |io| io.write("mine") }
      [200, {}, []]
    end
    name = ->(path) { File.read(path).chomp rescue nil }
    bridges = -> { Dir["/proc/self/task/*/comm"].map(&name).count("hyperion-bridge") }
    2.times do
      server = Hyperion::Server.new(app: app, bind: "127.0.0.1", port: 0, tls_self_signed: true, log_level: :error).start
      client = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("127.0.0.1", server.port)).tap(&:connect)
      client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
      puts "#{client.read(4)} by #{bridges.call}"
      server.stop
      500.times { sleep 0.01 unless bridges.call.zero? }
      puts "left: #{bridges.call} #{sockets.last.read.inspect}"
    end
  RUBY

  def test_a_stop_leaves_no_thread_behind_in_a_program
    out, err, = capture(RbConfig.ruby, "-I#{ROOT}/lib", "-e", HOLDING)
    assert_equal ["mine by 1", "left: 0 \"\""] * 2, out.lines(chomp: true).grep(/mine|left/), err
  end

  private

  def dial(**options) = secure_client(**options)
  def ask(path) = secure_get(path)
  def boot_app(*options) = boot(APP, *LOCAL.flags, *options)
end
