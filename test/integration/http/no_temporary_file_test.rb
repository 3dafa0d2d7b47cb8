# frozen_string_literal: true

require "support/integration"
require "json"
require "tmpdir"

# Bodies that are to wait in temporary files where none can be written.
class NoTemporaryFileTest < HyperionTest::IntegrationCase
  APP = "test/integration/logs/apps/lines.ru"
  COMPLAINT = /bodies cannot be written to temporary files/
  TOKEN = "open-sesame"

  # A folder that is not there, and one on a full disk; a limit of the size of files is as good as that.
  PLACES = { "missing" => ["/nonexistent", nil], "full" => [Dir.tmpdir, "ulimit -f 1024; "] }.freeze

  PLACES.each do |name, (folder, limit)|
    define_method("test_I5_uploads_are_refused_once_each_and_others_are_served_#{name}") do
      booted = boot_in(folder, limit)
      assert_equal folder == "/nonexistent", booted.log.include?("set TMPDIR"), "it is told at the start where that can be known"
      3.times do
        response = post("/read", "x" * 5_000_000, to: booted)
        assert_equal [503, "1"], [response.status, response["retry-after"]]
        assert_equal 200, get("/", to: booted).status
      end
      assert_equal 1, booted.log.scan(COMPLAINT).size, booted.log
      assert_equal 3, spool_failures(booted)
    end

    define_method("test_I5_slow_readers_are_cut_in_their_time_and_others_are_served_#{name}") do
      booted = boot_in(folder, limit, "-t", "2", "--write-timeout", "2")
      slow = Array.new(4) { connect(booted, receive_buffer: 4096).request("GET", "/endless?slow") }
      eventually("nobody is cut", timeout: 30) { booted.stdout.lines.grep(/"query":"slow"/).size == slow.size }
      assert_equal 200, get("/", to: booted).status
      assert_equal 1, booted.log.scan(COMPLAINT).size
      assert_equal slow.size, spool_failures(booted)
    end
  end

  private

  def boot_in(folder, limit, *flags)
    command = TestServerCommand.wrapped(limit)
    boot(APP, *flags, "--log-format", "json", "--admin-token", TOKEN, env: { "TMPDIR" => folder }, command: command)
  end

  # The server behind a limit of the shell.
  module TestServerCommand
    def self.wrapped(limit)
      return HyperionTest::TestServer.command unless limit

      ["bash", "-c", "#{limit}trap '' XFSZ; exec \"$@\"", "bash", *HyperionTest::TestServer.command]
    end
  end

  def spool_failures(booted)
    get("/-/metrics", to: booted, "x-hyperion-admin-token" => TOKEN).body[/reason="spool_failed"\} (\d+)/, 1].to_i
  end
end
