# frozen_string_literal: true

require_relative "tls_case"

# Certificates are read again, by HUP and when their files change, and no connection is lost by it.
class ReloadTest < HyperionTest::TlsCase
  MODES = { "one_process" => [], "a_cluster" => %w[-w 2], "a_sharing_cluster" => %w[-w 2 --worker-model share] }.freeze

  def setup
    super
    @ca = HyperionTest::Authority.new(dir)
    @first = renew
  end

  MODES.each do |mode, flags|
    define_method("test_HUP_reads_them_again_in_#{mode}") do
      server = boot(BASIC, *@first.flags, *flags)
      kept = secure_client(to: server, context: trusting)
      pid = kept.get("/pid").body
      second = renew
      server.signal(:HUP)
      await_certificate(second, server)
      assert_equal pid, kept.get("/pid").body, "the open connection goes on"
      assert_equal [flags.empty? ? 1 : 2, 0], [told(server, "read again").size, server.log.scan('"level":"error"').size]
      assert_includes told(server, "read again").first, second.cert.subject.to_s.delete_prefix("/CN=")
      assert_equal 0, server.stop.exitstatus
    end

    define_method("test_a_changed_file_is_seen_by_#{mode}") do
      server = boot(BASIC, *@first.flags, *flags)
      kept = secure_client(to: server, context: trusting)
      pid = kept.get("/pid").body
      await_certificate(renew, server)
      assert_equal pid, kept.get("/pid").body
      assert_equal flags.empty? ? 1 : 2, told(server, "read again").size
    end
  end

  def test_what_is_no_good_leaves_the_former_and_is_told_once
    server = boot(BASIC, *@first.flags)
    @ca.write("localhost.pem", "nonsense\n")
    server.wait_for_log(/stay as they were: .*localhost\.pem: no certificate/, timeout: 10)
    assert_equal @first.cert.to_der, served(server)
    server.signal(:HUP)
    eventually(timeout: 10) { told(server, "stay as they were").size == 2 }
    sleep 5
    assert_equal 2, told(server, "stay as they were").size, "once for the change, once for the signal"
    await_certificate(renew, server)
  end

  def test_a_certificate_that_is_written_long_before_its_key
    server = boot(BASIC, *@first.flags)
    key = File.read(@first.key_path)
    second = renew
    new_key = File.read(second.key_path)
    @ca.write("localhost.key", key)
    server.wait_for_log(/stay as they were: .*localhost\.key: the private key does not belong/, timeout: 10)
    assert_equal @first.cert.to_der, served(server)
    @ca.write("localhost.key", new_key)
    await_certificate(second, server)
  end

  def test_a_file_that_is_gone_and_comes_back
    server = boot(BASIC, *@first.flags)
    File.rename(@first.cert_path, "#{dir}/away")
    server.wait_for_log(/stay as they were: .*localhost\.pem/, timeout: 10)
    assert_equal @first.cert.to_der, served(server)
    await_certificate(renew, server)
  end

  def test_a_link_that_leads_elsewhere
    @ca.issue("old.test", file: "old")
    new = @ca.issue("new.test", file: "new")
    %w[pem key].each { |kind| File.symlink("#{dir}/old.#{kind}", "#{dir}/live.#{kind}") }
    server = boot(BASIC, "--tls-cert", "#{dir}/live.pem", "--tls-key", "#{dir}/live.key")
    %w[pem key].each do |kind|
      File.symlink("#{dir}/new.#{kind}", "#{dir}/next")
      File.rename("#{dir}/next", "#{dir}/live.#{kind}")
    end
    await_certificate(new, server)
  end

  def test_a_successor_has_what_its_siblings_have
    server = boot(BASIC, *@first.flags, "-w", "2")
    second = renew
    await_certificate(second, server)
    old = server.worker_pids
    old.each { |pid| Process.kill(:KILL, pid) }
    eventually(timeout: 10) { (server.worker_pids - old).size == 2 }
    20.times { assert_equal second.cert.to_der, served(server) }
  end

  def test_a_successor_has_the_last_good_ones_though_the_files_are_bad
    server = boot(BASIC, *@first.flags, "-w", "2")
    second = renew
    await_certificate(second, server)
    @ca.write("localhost.pem", "nonsense\n")
    eventually(timeout: 10) { told(server, "stay as they were").size == 2 }
    old = server.worker_pids
    old.each { |pid| Process.kill(:KILL, pid) }
    eventually(timeout: 10) { (server.worker_pids - old).size == 2 }
    20.times { assert_equal second.cert.to_der, served(server) }
  end

  def test_a_session_outlives_it
    server = boot(BASIC, *@first.flags)
    client = secure_client(to: server, context: trusting(:TLS1_2))
    client.get("/pid")
    session = client.socket.ssl.session
    await_certificate(renew, server)
    assert_predicate secure(tcp(server.port), context: trusting(:TLS1_2), session: session), :session_reused?
  end

  def test_nobody_notices_under_load
    server = boot(BASIC, *@first.flags, "-w", "2")
    done = false
    clients = Array.new(4) do
      Thread.new do
        answers = Hash.new(0)
        answers[secure_get("/pid", to: server, context: trusting).status] += 1 until done
        answers
      end
    end
    10.times { renew && server.signal(:HUP) && sleep(0.1) }
    done = true
    answers = clients.map(&:value).reduce { |all, some| all.merge(some) { |_, one, other| one + other } }
    assert_equal [200], answers.keys
    assert_operator answers[200], :>, 20
  end

  def test_the_log_is_still_opened_again
    server = boot(BASIC, *@first.flags, "--log-file", "#{dir}/log")
    eventually { File.exist?("#{dir}/log") }
    File.rename("#{dir}/log", "#{dir}/old")
    server.signal(:HUP)
    eventually { File.exist?("#{dir}/log") && Dir["#{dir}/{log,old}"].any? { |path| File.read(path).include?("read again") } }
    secure_get("/new", to: server, context: trusting)
    eventually { File.read("#{dir}/log").include?("/new") }
  end

  def test_a_certificate_in_memory_stays
    server = boot(BASIC, "--tls-self-signed", "-w", "2", "--log-file", "#{dir}/log")
    before = served(server)
    File.rename("#{dir}/log", "#{dir}/old")
    server.signal(:HUP)
    eventually { File.exist?("#{dir}/log") }
    8.times { assert_equal before, served(server) }
    refute_match(/read again/, File.read("#{dir}/old"))
  end

  def test_an_embedded_server_sees_changes
    program = file("program.rb", <<~'RUBY')
      require "hyperion"
      $stdout.sync = true
      server = Hyperion::Server.new(app: ->(_) { [200, {}, ["ok"]] }, port: 0, tls_cert: ARGV[0], tls_key: ARGV[1]).start
      puts "Listening on #{server.urls.first}"
      $stdin.read
      sleep
    RUBY
    server = HyperionTest::TestServer.new(nil, bind: false, command: [RbConfig.ruby, "-I#{ROOT}/lib", program, @first.cert_path, @first.key_path])
    ending { server.destroy }
    server.wait_until_listening
    assert_equal @first.cert.to_der, served(server)
    await_certificate(renew, server)
  end

  private

  # Each one has another name, so that it can be told from the former.
  def renew
    @turn = @turn.to_i + 1
    @ca.issue("host#{@turn}.test", file: "localhost")
  end

  def trusting(version = nil)
    context(version: version) { |context| context.verify_mode = OpenSSL::SSL::VERIFY_NONE }
  end

  def served(server)
    socket = tcp(server.port)
    secure(socket, name: nil, context: trusting).peer_cert.to_der
  ensure
    socket&.close
  end

  # All workers serve it.
  def await_certificate(issued, server)
    eventually("the certificate stays", timeout: 10) { Array.new(6) { served(server) }.uniq == [issued.cert.to_der] }
  end

  def told(server, phrase) = server.log.lines.grep(/#{phrase}/)
end
