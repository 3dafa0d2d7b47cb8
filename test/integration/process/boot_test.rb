# frozen_string_literal: true

require_relative "process_case"

# From the command line to the line `Listening on …`: banner, binds, help and version.
class BootTest < HyperionTest::ProcessCase
  def test_the_banner_names_the_facts
    log = server.log
    assert_match(/hyperion/i, log)
    assert_includes log, RUBY_VERSION
    assert_match(/#{server.pid}/, log)
    assert_equal 1, server.binds.size, log
    assert_match(%r{Listening on http://127\.0\.0\.1:\d+}, log)
  end

  def test_port_zero_is_announced_as_what_it_became
    assert_operator server.port, :>, 1023
    assert_equal server.pid.to_s, body("/pid")
  end

  def test_one_process_serves_without_a_master
    assert_equal [server.pid], server.pids
    zero = boot(BASIC, "-w", "0")
    assert_equal [zero.pid], [Integer(body("/pid", to: zero))]
  end

  def test_each_bind_is_announced_and_served
    socket = "#{dir}/many.sock"
    many = boot(BASIC, "-b", "tcp://127.0.0.1:0", "-b", "tcp://[::1]:0", "-b", "unix://#{socket}", bind: false)
    eventually { many.binds.size == 3 }
    one, two, three = many.binds
    assert_equal ["127.0.0.1", "[::1]", socket], [one[:host], two[:host], three[:path]]
    clients = [tcp("127.0.0.1", one[:port]), tcp("::1", two[:port]), HyperionTest::RawClient.unix(socket)]
    clients.each { |client| assert_equal many.pid.to_s, client.get("/pid").body }
  ensure
    clients&.each(&:close)
  end

  def test_dual_stack
    dual = boot(BASIC, "-b", "[::]", "-p", "0", bind: false)
    %w[127.0.0.1 ::1].each do |host|
      client = tcp(host, dual.port)
      assert_equal dual.pid.to_s, client.get("/pid").body, host
      client.close
    end
  end

  def test_host_with_port
    assert_equal "127.0.0.1", boot(BASIC, "-b", "127.0.0.1:0", bind: false).host
  end

  def test_a_unix_socket_has_the_asked_mode
    path = "#{dir}/mode.sock"
    unix = boot(BASIC, "-b", "unix://#{path}?mode=0600", bind: false)
    assert_equal 0o600, File.stat(path).mode & 0o777
    assert_equal unix.pid.to_s, body("/pid", to: unix)
    unix.stop
    refute File.exist?(path), "removed at the end"
  end

  def test_G5_a_stale_unix_socket_is_replaced
    path = "#{dir}/stale.sock"
    UNIXServer.new(path).close
    assert File.exist?(path)
    unix = boot(BASIC, "-b", "unix://#{path}", bind: false)
    assert_equal unix.pid.to_s, body("/pid", to: unix)
  end

  def test_G5_a_unix_socket_in_use_is_left_alone
    path = "#{dir}/used.sock"
    first = boot(BASIC, "-b", "unix://#{path}", bind: false)
    assert_includes refuse("-b", "unix://#{path}", BASIC), path
    assert_equal first.pid.to_s, body("/pid", to: first)
  end

  def test_G5_a_file_that_is_no_socket_is_left_alone
    path = file("precious", "contents")
    assert_includes refuse("-b", "unix://#{path}", BASIC), path
    assert_equal "contents", File.read(path)
  end

  def test_G5_the_pid_file
    path = "#{dir}/run.pid"
    File.write(path, "999999\n")
    with_pid = boot_with("pid_file #{path.inspect}")
    assert_equal with_pid.pid, Integer(File.read(path))
    with_pid.stop
    refute File.exist?(path), "removed at the end"
  end

  def test_G5_the_pid_file_does_not_follow_a_symbolic_link
    target = file("target", "precious")
    File.symlink(target, "#{dir}/link.pid")
    capture(*HyperionTest::TestServer.command, "-C", file("link.rb", "pid_file #{"#{dir}/link.pid".inspect}"), "check", BASIC)
    linked = HyperionTest::TestServer.new(BASIC, "-C", "#{dir}/link.rb")
    ending { linked.destroy }
    eventually { !linked.alive? || linked.binds.any? }
    assert_equal "precious", File.read(target)
  end

  def test_G5_a_pid_file_in_a_directory_that_is_not_there
    missing = "#{dir}/nowhere/run.pid"
    assert_includes refuse("-p", "0", "-C", file("bad.rb", "pid_file #{missing.inspect}"), BASIC), missing
  end

  def test_help_and_version_need_no_native_library
    bare = without_native_library
    shown = { "-h" => /Usage: hyperion/, "--help" => /--threads/, "-V" => /hyperion.* \d+\.\d+/i, "--version" => /\d+\.\d+\.\d+/ }
    shown.each do |flag, text|
      out, err, status = capture(RbConfig.ruby, "-I#{bare}/lib", "#{bare}/exe/hyperion", flag)
      assert_equal [0, ""], [status.exitstatus, err], flag
      assert_match text, out
    end
  end

  def test_a_missing_native_library_is_told_plainly
    bare = without_native_library
    out, err, status = capture(RbConfig.ruby, "-I#{bare}/lib", "#{bare}/exe/hyperion", "-p", "0", "#{ROOT}/#{BASIC}")
    assert_equal 1, status.exitstatus
    assert_match(/native/, err + out)
    refute_match(/Listening on/, err + out)
  end

  def test_help_names_every_documented_option
    out, = run_hyperion("--help")
    %w[--bind --port --workers --threads --config --environment --io --worker-model --max-body-bytes --max-header-bytes --max-pending
      --max-in-flight-per-conn --max-connections --read-timeout --max-request-read-seconds --idle-keepalive --write-timeout
      --graceful-timeout --log-level --log-format --[no-]log-requests --[no-]preload].each { |flag| assert_includes out, flag }
  end

  def test_the_configuration_directory_is_found
    file("config/hyperion.rb", "threads 3\n")
    file("config.ru", 'run ->(_) { [200, {}, [Dir.pwd]] }')
    here = boot(nil, chdir: dir)
    assert_equal File.realpath(dir), body("/", to: here)
    assert_match(/threads\D+3\b|\b3 threads/i, here.log)
  end

  private

  def tcp(host, port) = HyperionTest::RawClient.tcp(host, Integer(port))

  def without_native_library
    FileUtils.cp_r(["#{ROOT}/lib", "#{ROOT}/exe"], dir)
    FileUtils.rm_f(Dir["#{dir}/lib/hyperion/native.*"])
    dir
  end
end
