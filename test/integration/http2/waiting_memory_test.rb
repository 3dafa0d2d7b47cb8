# frozen_string_literal: true

require_relative "http2_case"

# Clients that ask for much and take nothing: what waits for them is bounded, whatever its size.
class WaitingMemoryTest < HyperionTest::Http2Case
  include HyperionTest::Frames

  APP_OF_SIZES = "test/integration/http2/apps/many_lines.ru"
  CONNECTIONS = 30
  STREAMS = 100
  # The budget for bodies, what the app makes at once, and what streams and connections cost themselves.
  GROWTH_KB = 190_000

  { "small_bodies" => "/body?3000", "bodies" => "/body?100000", "large_bodies" => "/body?250000", "larger_bodies" => "/body?300000",
    "streams" => "/stream?250000" }.each do |name, path|
    define_method("test_I4_#{name}_that_nobody_takes_are_bounded") do
      booted = boot_h2(APP_OF_SIZES, "-t", "3", "--log-level", "error")
      get("/", to: booted)
      before = booted.rss_kb
      attackers = Array.new(CONNECTIONS) { attack(booted, path) }
      eventually("the requests are not done", timeout: 60) { get("/-/health", to: booted).status == 200 && quiet?(booted) }
      assert_operator booted.rss_kb - before, :<, GROWTH_KB
      assert_equal 200, get("/body?10", to: booted).status
      attackers.each(&:close)
      eventually("the memory is not given back", timeout: 20) { booted.rss_kb - before < GROWTH_KB / 2 }
      assert_equal 0, booted.stop.exitstatus
    end
  end

  # Heads cannot wait on a disk.
  { "responses" => ["/bytes?200000", {}], "requests" => ["/body?100", { "x-long" => "a" * 60_000 }] }.each do |name, (path, fields)|
    define_method("test_I4_heads_of_#{name}_that_nobody_takes_are_bounded") do
      booted = boot_h2(APP_OF_SIZES, "-t", "3", "--log-level", "error")
      get("/", to: booted)
      before = booted.rss_kb
      attackers = Array.new(CONNECTIONS) { attack(booted, path, fields) }
      eventually("the requests are not done", timeout: 60) { get("/-/health", to: booted).status == 200 && quiet?(booted) }
      assert_operator booted.rss_kb - before, :<, GROWTH_KB
      assert_operator turned_away(booted), :>, 0
      assert_equal 200, get("/bytes?10000", to: booted).status
      attackers.each(&:close)
      assert_equal 0, booted.stop.exitstatus
    end
  end

  DESCRIPTORS = 400

  %w[body stream].each do |kind|
    define_method("test_I4_more_of_a_#{kind}_waits_than_there_are_descriptors_and_others_are_accepted") do
      booted = boot_h2(APP_OF_SIZES, "-t", "3", "--log-level", "error", rlimit_nofile: DESCRIPTORS)
      attackers = Array.new(8) { attack(booted, "/#{kind}?250000") }
      eventually("the requests are not done", timeout: 60) { quiet?(booted) }
      assert_operator booted.descriptor_count, :<, DESCRIPTORS / 2
      assert_equal [200, 200], [get("/-/health", to: booted).status, get("/body?10", to: booted).status]
      refute_match(/could not be accepted|temporary file/, booted.log)
      attackers.each(&:close)
      eventually("files stay open", timeout: 20) { booted.descriptor_count < 50 }
    end
  end

  def test_I4_a_client_that_reads_gets_all_of_as_many
    booted = boot_h2(APP_OF_SIZES, "-t", "3", "--log-level", "error")
    out, status = Open3.capture2e("h2load", "-n", "600", "-c", "3", "-m", "100", booted.url("/body?250000"))
    assert_predicate status, :success?, out
    assert_match(/600 succeeded, 0 failed, 0 errored/, out)
  end

  # What waits for others takes no room from the requests of a proxy, whose heads are large where cookies are.
  { "bodies" => "/body?250000", "streams" => "/stream?250000" }.each do |name, path|
    define_method("test_I4_a_proxy_with_large_heads_is_served_beside_slow_readers_of_#{name}") do
      booted = boot_h2(APP_OF_SIZES, "-t", "3", "--log-level", "error")
      Array.new(4) { attack(booted, path) }
      eventually("the requests are not done", timeout: 60) { quiet?(booted) }
      out, status = Open3.capture2e("h2load", "-n", "600", "-c", "2", "-m", "100", "-H", "cookie: #{"a" * 6000}", booted.url("/body?100"))
      assert_predicate status, :success?, out
      assert_match(/600 succeeded, 0 failed, 0 errored/, out)
    end
  end

  private

  def attack(booted, path, fields = {}, settings = { 4 => 0 })
    client = connect(booted, receive_buffer: 4096)
    client.write(hello(settings))
    STREAMS.times { |index| client.write(asking(1 + (2 * index), block(fields, path: path)), timeout: 1) }
    client
  rescue HyperionTest::RawClient::TimedOut
    client
  end

  # In frames that every peer takes.
  def asking(stream, block)
    first, *rest = block.scan(/.{1,16384}/mn)
    parts = rest.map.with_index(1) { |part, index| frame(:continuation, part, stream: stream, flags: index == rest.size ? END_HEADERS : 0) }
    headers(stream, first, complete: rest.empty?) + parts.join
  end

  def turned_away(booted)
    page = get("/-/metrics", to: booted, "x-hyperion-admin-token" => TOKEN).body
    page.scan(/^hyperion_(?:rejections_total\{reason="response_memory_full"|per_conn_rejections_total\{[^}]*)\} (\d+)/).sum { |(count)| count.to_i }
  end

  def quiet?(booted)
    page = get("/-/metrics", to: booted, "x-hyperion-admin-token" => TOKEN).body
    %w[executors_busy threadpool_queue_depth].all? { |name| page[/^hyperion_#{name}\{[^}]*\} (\d+)/, 1] == "0" }
  end
end
