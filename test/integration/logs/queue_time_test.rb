# frozen_string_literal: true

require_relative "lines_case"
require "support/thread_states"

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

  def test_the_first_field_that_is_a_time_is_believed
    now = Time.now.to_f
    assert_includes 19..23, queue("x-request-start" => "soon", "x-queue-start" => (now - 20).to_s)
    assert_includes 9..13, queue("x-request-start" => (now - 10).to_s, "x-queue-start" => (now - 20).to_s)
  end

  def test_a_time_of_a_proxy_is_in_log_and_metrics
    get("/queue?proxied", "x-request-start" => "t=#{Time.now.to_f - 30}")
    assert_includes 29_000..33_000, entry('"query":"proxied"')["queue_ms"]
    assert_operator buckets["+Inf"] - buckets["10"], :>=, 1
  end

  def test_what_waits_for_no_thread_is_not_in_the_histogram
    before = buckets["+Inf"]
    get("/static?native", "x-request-start" => "t=#{Time.now.to_f - 30}")
    assert_equal 0, entry('"query":"native"')["queue_ms"]
    get("/queue")
    assert_equal 1, buckets["+Inf"] - before
  end

  # While the server is stopped, the request waits in its socket, and nobody but the proxy has seen it come.
  def test_nginx_as_documented_counts_what_waits_before_the_server_reads_it
    skip "nginx is not here" unless system("nginx", "-v", err: File::NULL)
    waiting = boot(APP, "-t", "1", "--log-format", "json")
    front = start_nginx(File.read("#{ROOT}/docs/logging.md")[/^```nginx\n(.*?)```/m, 1], waiting.port)
    client = eventually { HyperionTest::RawClient.tcp("127.0.0.1", front) rescue nil }
    ending { client.close }
    assert_includes 0..0.3, client.get("/queue").json
    waiting.signal(:STOP)
    eventually("it still runs") { HyperionTest::ThreadStates.stopped?(waiting.pid) }
    client.request("GET", "/queue?stopped")
    assert client.silent?(0.6)
    waiting.signal(:CONT)
    assert_includes 0.5..5, client.response.json
    assert_includes 500..5000, entry('"query":"stopped"', to: waiting)["queue_ms"]
  end

  private

  def start_nginx(line, upstream)
    port = TCPServer.open("127.0.0.1", 0) { |free| free.addr[1] }
    server = "server { listen 127.0.0.1:#{port}; location / { #{line} proxy_pass http://127.0.0.1:#{upstream}; } }"
    folders = %w[client_body proxy fastcgi uwsgi scgi].map { |name| "#{name}_temp_path #{dir}/#{name};" }.join
    path = file("nginx.conf", "daemon off; master_process off; pid #{dir}/nginx.pid; error_log #{dir}/errors;\n" \
                              "events {}\nhttp { access_log off; #{folders} #{server} }\n")
    pid = Process.spawn("nginx", "-e", "#{dir}/errors", "-c", path, %i[out err] => "#{dir}/output")
    ending { Process.kill(:KILL, pid) && Process.wait(pid) }
    port
  end

  # How many requests have waited at most so long, by seconds as the page has them.
  def buckets
    get("/-/metrics", "x-hyperion-admin-token" => TOKEN).body
      .scan(/^hyperion_queue_seconds_bucket\{le="([^"]+)"\} (\d+)/).to_h { |bound, count| [bound, Integer(count)] }
  end

  def queue(**headers) = JSON.parse(get("/queue", **headers.transform_keys(&:to_s)).body)
end
