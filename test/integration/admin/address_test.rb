# frozen_string_literal: true

require_relative "admin_case"

# An address of its own for the server's pages: one socket for all processes, and nothing else behind it.
class AddressTest < HyperionTest::AdminCase
  { "reuseport" => "epoll", "share" => "io_uring" }.each do |model, driver|
    define_method("test_W15_a_cluster_answers_at_a_port_of_its_own_with_#{model}_and_outlives_its_workers") do
      port = free_port
      cluster = boot(KINDS, "-w", "3", "--worker-model", model, "--io", driver, "--admin-bind", "127.0.0.1:#{port}")
      assert_match(%r{Admin +http://127\.0\.0\.1:#{port}$}, cluster.log)
      assert_equal 1, listening_sockets(port)
      told = stats_of(tcp(port))
      assert_equal cluster.worker_pids.sort, told["workers"].map { |worker| worker["pid"] }.sort
      assert_equal [404, 404, 200, 200], ["/", "/static", "/-/metrics", "/-/ready"].map { |page| tcp(port).get(page).status }
      cluster.worker_pids.each { |pid| replace(pid, cluster) }
      eventually("the new ones are not shown") { shown(tcp(port)).size == 3 && shown(tcp(port)) == cluster.worker_pids.sort }
      assert_equal [1, 3], [listening_sockets(port), stats_of(tcp(port))["totals"]["restarts_signal"]]
      assert_equal 0, cluster.stop.exitstatus
      assert_raises(Errno::ECONNREFUSED) { tcp(port) }
    end
  end

  def test_W15_a_cluster_answers_at_a_socket_of_its_own_and_outlives_its_workers
    cluster = boot(KINDS, "-w", "2", "--admin-bind", "unix://#{path}")
    assert_equal cluster.worker_pids.sort, stats_of(unix)["workers"].map { |worker| worker["pid"] }.sort
    assert_equal [404, 200], ["/", "/-/metrics"].map { |page| unix.get(page).status }
    assert_includes cluster.worker_pids.map(&:to_s), get("/-/metrics", to: cluster).body, "the app's port shows none of it"
    cluster.worker_pids.each { |pid| replace(pid, cluster) }
    eventually("the new ones are not shown") { shown(unix) == cluster.worker_pids.sort && shown(unix).size == 2 }
    assert_equal [2, nil], stats_of(unix)["totals"].values_at("restarts_signal", "restarts_crash")
    assert_equal 0, cluster.stop.exitstatus
    refute_path_exists path
  end

  def test_F5_a_socket_is_its_owners_alone_unless_told_otherwise
    [["", 0o600], ["?mode=0660", 0o660]].each do |query, mode|
      [[], %w[-w 2]].each do |flags|
        own = boot(KINDS, *flags, "--admin-bind", "unix://#{path}#{query}")
        assert_equal mode, File.stat(path).mode & 0o777
        assert_equal 0, own.stop.exitstatus
      end
    end
  end

  def test_F5_with_a_token_it_is_asked_for_there_as_well
    boot(KINDS, "--admin-bind", "unix://#{path}", "--admin-token", TOKEN)
    assert_equal [401, 401, 200, 200], [unix.get("/-/stats"), unix.get("/-/stats?token=#{TOKEN}"), unix.get("/-/stats", "x-hyperion-admin-token" => TOKEN), unix.get("/-/health")].map(&:status)
    assert_equal 401, unix.post("/-/quit", "").status
  end

  def test_quit_from_there_needs_no_token_but_is_not_for_browsers
    own = boot(KINDS, "-w", "2", "--admin-bind", "unix://#{path}")
    assert_equal [403, 405, 202], [unix.post("/-/quit", "", "origin" => "http://evil.example"), unix.get("/-/quit"), unix.post("/-/quit", "")].map(&:status)
    assert_equal 0, own.wait.exitstatus
  end

  def test_an_address_in_use_stops_the_boot
    port = free_port
    boot(KINDS, "--admin-bind", "127.0.0.1:#{port}")
    assert_match(/in use/, refuse("--admin-bind", "127.0.0.1:#{port}", "-p", "0", KINDS))
    assert_match(/in use/, refuse("-w", "2", "--admin-bind", "127.0.0.1:#{port}", "-p", "0", KINDS))
  end

  %w[epoll io_uring].each do |driver|
    define_method("test_there_is_room_where_clients_have_taken_all_#{driver}") do
      full = boot(KINDS, "--max-connections", "2", "--io", driver, "--admin-bind", "unix://#{path}")
      clients = Array.new(2) { connect(full).tap { |client| client.get("/static") } }
      assert_equal 503, connect(full).get("/static").status
      assert_equal [200, 200], [unix.get("/-/health"), unix.get("/-/ready")].map(&:status)
      assert_operator stats_of(unix)["totals"]["connections_active"], :>=, 3
      assert_equal [200, 200], clients.map { |client| client.get("/static").status }
    end
  end

  private

  def path = "#{dir}/admin.sock"
  def unix = HyperionTest::RawClient.unix(path).tap { |client| ending { client.close } }
  def tcp(port) = HyperionTest::RawClient.tcp("127.0.0.1", port).tap { |client| ending { client.close } }
  def stats_of(client) = JSON.parse(client.get("/-/stats").body)
  def shown(client) = stats_of(client)["workers"].map { |worker| worker["pid"] }.sort
  def free_port = TCPServer.open("127.0.0.1", 0) { |free| free.addr[1] }

  # Sockets of that port that the kernel gives connections to.
  def listening_sockets(port)
    File.readlines("/proc/net/tcp").grep(/\A *\d+: 0100007F:#{format("%04X", port)} \h+:0000 0A/).size
  end

  def replace(pid, cluster)
    from = cluster.log.size
    Process.kill(:KILL, pid)
    cluster.wait_for_log(/worker restarted.*"old_pid":#{pid}/, from: from, timeout: 10)
  end
end
