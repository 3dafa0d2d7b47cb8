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

  [%w[--log-format json], %w[--log-format text], ["--log-format", "%{target} %{path} %{query} %{status}"]].each do |format|
    define_method("test_F5_the_token_is_in_no_log_and_no_list_of_settings_#{format.last[/\w+/]}") do
      path = file("token", "#{TOKEN}\n")
      File.chmod(0o600, path)
      logging = boot(KINDS, *format, "--admin-token-file", path, "--log-level", "debug", "--log-requests")
      assert_equal 200, ask("stats", to: logging).status
      assert_equal 401, fetch("GET", "/-/stats?token=#{TOKEN}", to: logging).status
      assert_equal 401, fetch("GET", "http://a/-/metrics?#{TOKEN}", to: logging, "x-hyperion-admin-token" => "not-this").status
      assert_equal 200, get("/told?by=mistake", to: logging).status
      assert_equal 0, logging.stop.exitstatus
      assert_match(/by=mistake/, logging.log, "other queries are told")
      assert_match(%r{/-/stats}, logging.log)
      refute_match(/#{TOKEN}|not-this/, logging.log)
      out, err, = run_hyperion("check", "--admin-token-file", path, KINDS)
      refute_includes out + err, TOKEN
    end
  end

  def test_F5_the_token_is_no_field_of_a_log_pattern
    assert_match(/no field/, refuse("--log-format", "%{header.x-hyperion-admin-token}", KINDS))
  end

  def test_F5_a_token_file_that_others_may_read_is_refused
    path = file("token", "#{TOKEN}\n")
    [0o644, 0o604, 0o602, 0o666].each do |mode|
      File.chmod(mode, path)
      assert_match(/chmod 600/, refuse("--admin-token-file", path, KINDS), mode.to_s(8))
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
      assert_operator worker["uptime_s"], :<=, told["uptime_s"]
      assert_equal [0, 0], worker.values_at("executors_busy", "queue_depth")
    end
    assert_equal "application/json", ask("stats", to: cluster)["content-type"]
  end

  # Shares are found out beside the page that shows them.
  def test_stats_tell_the_share_of_each_process_of_its_memory
    cluster = boot(KINDS, "-w", "2", "--admin-token", TOKEN)
    workers = eventually { stats(to: cluster)["workers"].then { |all| all if all.all? { |worker| worker["pss_bytes"] } } }
    workers.each { |worker| assert_includes 1_000_000..worker["rss_bytes"], worker["pss_bytes"] }
  end

  def test_ruby_has_the_same_numbers
    ru = file("config.ru", "require 'json'\nrun ->(_) { [200, {}, [JSON.generate(Hyperion.stats)]] }\n")
    [[], %w[-w 2]].each do |flags|
      asked = boot(ru, *flags, "--admin-token", TOKEN)
      5.times { get("/", to: asked) }
      inside, outside = JSON.parse(get("/", to: asked).body), stats(to: asked)
      assert_includes 5..6, inside["dispatched_rack"], "its own may count a moment later"
      assert_empty outside["totals"].keys - inside.keys
      assert_equal outside["master_pid"], inside["master_pid"]
      assert_operator inside["uptime_s"], :<=, outside["uptime_s"]
      assert_equal outside["workers"].map(&:keys).map(&:sort), inside["workers"].map(&:keys).map(&:sort)
      assert_equal outside["workers"].map { |worker| worker.values_at("slot", "pid") }, inside["workers"].map { |worker| worker.values_at("slot", "pid") }
    end
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

  def test_a_request_in_flight_is_answered_behind_the_delay
    leaving = boot(KINDS, "--drain-delay", "0.5", "--admin-token", TOKEN)
    held = connect(leaving).request("GET", "/sleep?2")
    eventually { stats(to: leaving)["totals"]["executors_busy"] == 1 }
    assert_equal 202, ask("quit", method: "POST", to: leaving).status
    eventually { get("/-/ready", to: leaving).then { |answer| [answer.status, answer.body] } == [503, "draining"] }
    leaving.wait_for_log(/"draining"/)
    assert_equal 200, held.response.status
    assert_equal 0, leaving.wait.exitstatus
  end

  def test_quit_stops_the_server
    [[], %w[-w 2]].each do |flags|
      leaving = boot(KINDS, *flags, "--admin-token", TOKEN)
      assert_equal [405, "POST"], ask("quit", to: leaving).then { |answer| [answer.status, answer["allow"]] }
      assert_equal [202, "stopping"], ask("quit", method: "POST", to: leaving).then { |answer| [answer.status, answer.body] }
      assert_equal 0, leaving.wait.exitstatus
    end
  end

  # Each knob by each of its ways, and what it is for.
  { "flag" => ->(name, value) { [["--admin-#{name}", value], {}, ""] },
    "variable" => ->(name, value) { [[], { "HYPERION_ADMIN_#{name.upcase.tr("-", "_")}" => value }, ""] },
    "file" => ->(name, value) { [[], {}, "admin do\n  #{name.tr("-", "_")} #{value.inspect}\nend\n"] } }.each do |way, by|
    define_method("test_W16_each_setting_has_an_effect_by_#{way}") do
      path = file("token", "#{TOKEN}\n").tap { |secret| File.chmod(0o600, secret) }
      %w[token token-file bind].zip([TOKEN, path, "unix://#{dir}/admin.sock"]) do |name, value|
        flags, env, config = by.call(name, value)
        set = boot_with(config, *flags, app: KINDS, env: env)
        found = name == "bind" ? HyperionTest::RawClient.unix("#{dir}/admin.sock").tap { |client| ending { client.close } }.get("/-/stats") : ask("stats", to: set)
        assert_equal ["application/json", 200], [found["content-type"], found.status], name
        assert_equal name == "bind" ? 200 : 401, get("/-/stats", to: set).status
        assert_equal 0, set.stop.exitstatus
      end
    end
  end
end
