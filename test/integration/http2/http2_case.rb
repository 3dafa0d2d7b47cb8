# frozen_string_literal: true

require "digest"
require "open3"
require "tempfile"
require "tmpdir"
require_relative "../tls/authority"
require_relative "frames"
require_relative "h2_client"

module HyperionTest
  # A test case about HTTP/2. Its server speaks it with prior knowledge on its first address, and over
  # TLS on its second.
  class Http2Case < IntegrationCase
    CA = Authority.shared
    LOCAL = CA.issue("localhost", "127.0.0.1")
    BINDS = ["-b", "tcp://127.0.0.1:0", "-b", "ssl://127.0.0.1:0", *LOCAL.flags].freeze
    APP = "test/integration/http2/apps/h2.ru"
    TOKEN = "the-token"

    # As `serve`, with both addresses.
    def self.speak(app, *options, **settings)
      serve(app, *BINDS, "--admin-token", TOKEN, *options, bind: false, **settings)
    end

    speak APP, "-t", "3"

    def boot_h2(app, *options, **settings)
      boot(app, *BINDS, "--admin-token", TOKEN, *options, bind: false, **settings).tap { |booted| secure_port(booted) }
    end

    # @return [H2Client] closed behind the test
    def h2(to = server, secure: false, **options)
      skip "python3-h2 is not installed" unless H2Client.available?
      port = secure ? secure_port(to) : to.port
      client = H2Client.new("127.0.0.1", port, ca: secure ? CA.root_path : nil, **options)
      client.tap { ending { client.close } }
    end

    # @return [FramePeer] which has said hello
    def peer(to = server, hello: true, settings: {}, **options)
      made = FramePeer.tcp("127.0.0.1", to.port, **options).tap { |client| ending { client.close } }
      hello ? made.hello(settings) : made
    end

    def secure_port(to = server)
      to.wait_for_log(%r{Listening on https://127\.0\.0\.1:(\d+)})[1].to_i
    end

    def secure_url(path = "/", to: server) = "https://localhost:#{secure_port(to)}#{path}"

    # Runs a client to its end.
    # @return [String] what it printed
    def run_client(*command, timeout: 120)
      skip "#{command.first} is not installed" unless system("command -v #{command.first} >/dev/null")
      output, complaints, status = Open3.capture3("timeout", timeout.to_s, *command.map(&:to_s), binmode: true)
      assert_predicate status, :success?, "#{command.join(" ")}: #{output.byteslice(-3000..) || output} #{complaints}"
      output
    end

    def curl(*arguments)
      run_client("curl", "--silent", "--show-error", "--max-time", "60", "--cacert", CA.root_path, *arguments)
    end

    # As of curl over each protocol.
    PROTOCOLS = { "HTTP/1.1" => ["--http1.1"], "HTTP/2" => ["--http2-prior-knowledge"] }.freeze

    # The metrics page.
    def metrics(to = server)
      get("/-/metrics", to: to, "x-hyperion-admin-token" => TOKEN).body
    end

    def metric(name, to = server) = metrics(to).scan(/^#{Regexp.escape(name)} (\S+)$/).flatten.sum(&:to_f)

    def rejections(reason, to = server) = metric(%(hyperion_rejections_total{reason="#{reason}"}), to)

    # Requests that are with Ruby now.
    def busy(to = server) = metrics(to).scan(/^hyperion_executors_busy\{[^}]*\} (\d+)/).flatten.sum(&:to_i)

    # What the app noted, oldest first.
    def next_note(client) = eventually("no note came") { client.get("/note").then { |response| response.body if response.status == 200 } }

    # Waits until the app noted this.
    def await_note(client, text)
      eventually("#{text.inspect} was not noted") { client.get("/note").body.include?(text) }
    end

    # All executors are free in time.
    def assert_free(to = server) = eventually("executors are still busy") { busy(to).zero? }

    def assert_served(to = server) = assert_equal(200, get("/ignore", to: to).status)
  end
end
