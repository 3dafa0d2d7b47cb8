# frozen_string_literal: true

require_relative "lines_case"

# How long a request has waited: here, or since a proxy received it.
class QueueTimeTest < HyperionTest::LinesCase
  serve APP, "-t", "1", "--log-format", "json", "--admin-token", TOKEN

  def test_a_request_that_finds_a_thread_has_hardly_waited
    assert_includes 0..0.2, queue
    assert_operator queue, :>=, 0
  end

  def test_the_wait_for_a_thread_is_in_env_log_and_metrics
    busy = connect.request("GET", "/sleep?0.4")
    assert busy.silent?(0.1)
    waited = JSON.parse(get("/queue?behind").body)
    assert_includes 0.1..5, waited
    assert_in_delta waited * 1000, entry('"query":"behind"')["queue_ms"], 1
    slow = get("/-/metrics", "x-hyperion-admin-token" => TOKEN).body[/hyperion_queue_seconds_sum (\S+)/, 1]
    assert_operator Float(slow), :>=, waited
  end

  { "seconds" => ->(t) { format("%.3f", t) }, "whole_seconds" => ->(t) { t.floor.to_s }, "milliseconds" => ->(t) { (t * 1e3).floor.to_s },
    "microseconds" => ->(t) { (t * 1e6).floor.to_s }, "nanoseconds" => ->(t) { (t * 1e9).floor.to_s } }.each do |unit, write|
    define_method("test_a_proxy_tells_when_it_began_in_#{unit}") do
      ["", "t="].each do |prefix|
        %w[x-request-start x-queue-start].each do |name|
          assert_includes 29..33, queue(name => prefix + write.call(Time.now.to_f - 30)), "#{name}: #{prefix}"
        end
      end
    end
  end

  def test_what_no_proxy_would_say_is_not_believed
    now = Time.now.to_f
    ["", "t=", "soon", "-5", "1e9", "0", (now + 3600).to_s, (now - 90_000).to_i.to_s, "9" * 400, "t=#{now} x", "\xff".b].each do |claim|
      assert_includes 0..0.5, queue("x-request-start" => claim), claim
    end
  end

  private

  def queue(**headers) = JSON.parse(get("/queue", **headers.transform_keys(&:to_s)).body)
end
