# frozen_string_literal: true

require_relative "admin_case"

# The pages below /-/: who may see them, where, and what they say.
class PagesTest < HyperionTest::AdminCase
  GUARDED = { "metrics" => "GET", "stats" => "GET", "quit" => "POST" }.freeze

  def test_health_and_readiness_are_for_everybody
    open = boot(KINDS)
    [server, open].each do |to|
      assert_equal [[200, "ok"], [200, "ready"]], %w[health ready].map { |page| get("/-/#{page}", to: to).then { |answer| [answer.status, answer.body] } }
      assert_equal [200, ""], fetch("HEAD", "/-/health", to: to).then { |answer| [answer.status, answer.body] }
      assert_equal [405, "GET, HEAD"], fetch("POST", "/-/health", to: to).then { |answer| [answer.status, answer["allow"]] }
    end
  end

  def test_without_a_token_the_rest_belongs_to_the_app
    open = boot(KINDS)
    GUARDED.each { |page, method| assert_equal open.pid.to_s, fetch(method, "/-/#{page}", to: open).body, page }
    assert_equal server.pid.to_s, get("/-/unknown").body
  end

  def test_F5_only_the_token_in_its_field_opens_the_rest
    GUARDED.each do |page, method|
      [{}, { "x-hyperion-admin-token" => "" }, { "x-hyperion-admin-token" => "open-sesamE" }, { "x-hyperion-admin-token" => "open-sesame2" },
       { "authorization" => "Bearer #{TOKEN}" }, { "cookie" => "token=#{TOKEN}" }].each do |headers|
        assert_equal 401, fetch(method, "/-/#{page}?token=#{TOKEN}", **headers).status, "#{page} #{headers}"
      end
    end
    twice = "GET /-/stats HTTP/1.1\r\nHost: a\r\nX-Hyperion-Admin-Token: #{TOKEN}\r\nX-Hyperion-Admin-Token: #{TOKEN}\r\n\r\n"
    assert_equal 401, connect.write(twice).response.status
    assert_predicate server, :alive?
  end

  def test_F5_the_token_is_in_no_log_and_no_list_of_settings
    path = file("token", "#{TOKEN}\n")
    File.chmod(0o600, path)
    logging = boot(KINDS, "--admin-token-file", path, "--log-level", "debug", "--log-requests")
    assert_equal 200, ask("stats", to: logging).status
    assert_equal 401, fetch("GET", "/-/stats", to: logging, "x-hyperion-admin-token" => "no").status
    assert_equal 0, logging.stop.exitstatus
    refute_includes logging.log, TOKEN
    out, err, = run_hyperion("check", "--admin-token-file", path, KINDS)
    refute_includes out + err, TOKEN
  end

  def test_F5_a_token_file_that_others_may_read_is_refused
    path = file("token", "#{TOKEN}\n")
    { 0o644 => /chmod 600/, 0o640 => /chmod 600/ }.each do |mode, message|
      File.chmod(mode, path)
      next if mode == 0o640 && run_hyperion("check", "--admin-token-file", path, KINDS).last.success?

      assert_match(message, refuse("--admin-token-file", path, KINDS))
    end
    File.chmod(0o600, path)
    File.write(path, "\n")
    assert_match(/admin_token_file/, refuse("--admin-token-file", path, KINDS))
    assert_match(/admin_token_file/, refuse("--admin-token-file", "#{dir}/none", KINDS))
  end

  def test_the_numbers_of_stats
    cluster = boot(KINDS, "-w", "2", "-t", "3", "--admin-token", TOKEN)
    10.times { get("/", to: cluster) }
    told = stats(to: cluster)
    assert_equal ["serving", cluster.pid, 10], [told["phase"], told["master_pid"], told["totals"]["dispatched_rack"]]
    assert_equal cluster.worker_pids.sort, told["workers"].map { |worker| worker["pid"] }.sort
    assert_equal [0, 1], told["workers"].map { |worker| worker["slot"] }
    told["workers"].each do |worker|
      assert_operator worker["rss_bytes"], :>, 5_000_000
      assert_operator worker["pss_bytes"], :<=, worker["rss_bytes"]
      assert_operator worker["uptime_s"], :<=, told["uptime_s"]
      assert_equal [0, 0], worker.values_at("executors_busy", "queue_depth")
    end
    assert_equal "application/json", ask("stats", to: cluster)["content-type"]
  end

  def test_ruby_has_the_same_numbers
    ru = file("config.ru", "require 'json'\nrun ->(_) { [200, {}, [JSON.generate(Hyperion.stats)]] }\n")
    cluster = boot(ru, "-w", "2", "--admin-token", TOKEN)
    5.times { get("/", to: cluster) }
    inside, outside = JSON.parse(get("/", to: cluster).body), stats(to: cluster)
    assert_includes 5..6, inside["dispatched_rack"], "its own request may be counted behind it"
    assert_empty outside["totals"].keys - inside.keys
    assert_equal outside["workers"].map { |worker| worker["pid"] }, inside["workers"].map { |worker| worker["pid"] }
  end

  def test_readiness_ends_with_the_notice_and_serving_goes_on_for_the_delay
    [[], %w[-w 2]].each do |flags|
      leaving = boot(KINDS, *flags, "--drain-delay", "1", "--admin-token", TOKEN)
      leaving.signal(:TERM)
      eventually { get("/-/ready", to: leaving).status == 503 }
      assert_equal "draining", get("/-/ready", to: leaving).body
      assert_equal [200, 200], ["/", "/-/health"].map { |path| get(path, to: leaving).status }
      leaving.wait_for_log(/drain_delay/)
      assert_equal 0, leaving.wait.exitstatus
    end
  end

  def test_quit_stops_the_server
    [[], %w[-w 2]].each do |flags|
      leaving = boot(KINDS, *flags, "--admin-token", TOKEN)
      assert_equal 405, ask("quit", to: leaving).status
      assert_equal [202, "stopping"], ask("quit", method: "POST", to: leaving).then { |answer| [answer.status, answer.body] }
      assert_equal 0, leaving.wait.exitstatus
    end
  end

  def test_W15_an_address_of_its_own_shows_all_workers_and_outlives_them
    path = "#{dir}/admin.sock"
    cluster = boot(KINDS, "-w", "2", "--admin-bind", "unix://#{path}")
    assert_equal 0o600, File.stat(path).mode & 0o777
    told = JSON.parse(admin(path).get("/-/stats").body)
    assert_equal cluster.worker_pids.sort, told["workers"].map { |worker| worker["pid"] }.sort
    assert_equal [404, 200], ["/", "/-/metrics"].map { |page| admin(path).get(page).status }
    assert_includes cluster.worker_pids.map(&:to_s), get("/-/metrics", to: cluster).body, "the app's port shows none of it"
    cluster.worker_pids.each { |pid| Process.kill(:KILL, pid) }
    eventually { (admin(path).get("/-/health").status rescue nil) == 200 }
    assert_equal 0, cluster.stop.exitstatus
    refute_path_exists path
  end

  def test_an_address_of_its_own_may_be_a_port_or_have_a_mode
    path = "#{dir}/admin.sock"
    boot(KINDS, "--admin-bind", "unix://#{path}?mode=0660")
    assert_equal 0o660, File.stat(path).mode & 0o777
    port = TCPServer.open("127.0.0.1", 0) { |free| free.addr[1] }
    own = boot(KINDS, "--admin-bind", "127.0.0.1:#{port}", "--admin-token", TOKEN)
    assert_match(%r{127\.0\.0\.1:#{port}}, own.log)
    client = HyperionTest::RawClient.tcp("127.0.0.1", port)
    ending { client.close }
    assert_equal [401, 200, 404], [client.get("/-/stats"), client.get("/-/stats", "x-hyperion-admin-token" => TOKEN), client.get("/")].map(&:status)
    assert_match(/in use/, refuse("--admin-bind", "127.0.0.1:#{port}", "-p", "0", KINDS))
  end

  private

  def admin(path) = HyperionTest::RawClient.unix(path).tap { |client| ending { client.close } }
end
