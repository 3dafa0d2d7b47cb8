# frozen_string_literal: true

require_relative "native_case"

# What a Hyperion::Runtime is told of requests, whoever answers them.
class HooksTest < HyperionTest::NativeCase
  serve app("hooks"), "-t", "2"

  # What the hooks have heard of a path, once they have heard of `count` ends.
  def events(path, count = 1, to: server)
    heard = []
    eventually("the hooks were not called: #{heard}") do
      heard.concat(get("/events", to: to).json.select { |event| event["path"] == path })
      heard.count { |event| event["hook"] == "end 2" } >= count
    end
    heard
  end

  ORDER = ["start 1", "start 2", "end 1", "end 2"].freeze

  def assert_hooks(path, status:, env:, error: nil)
    heard = events(path)
    assert_equal ORDER, heard.map { |event| event["hook"] } - ["seen"], path
    heard.reject! { |event| event["hook"] == "seen" }
    assert_equal [env], heard.map { |event| event["env"] }.uniq, path
    assert_equal [nil, nil, status, status], heard.map { |event| event["status"] }, path
    assert_equal [nil, nil, error, error], heard.map { |event| event["error"] }, path
    heard.last
  end

  def test_of_the_app
    assert_equal "rack from a hook", get("/rack").body
    assert_hooks("/rack", status: 200, env: "/rack")
  end

  def test_of_a_block
    response = get("/block")
    assert_equal [201, '"from a hook"'], [response.status, response["x-env"]]
    assert_hooks("/block", status: 201, env: "/block")
  end

  def test_of_a_static_response
    assert_equal "static", get("/static").body
    last = assert_hooks("/static", status: 200, env: nil)
    assert_equal ["text/plain", %w[a=1 b=2]], last["headers"].values_at("content-type", "set-cookie")
  end

  def test_of_a_file_and_of_one_that_is_not_there
    assert_equal 206, get("/apps/hooks.ru", "range" => "bytes=0-3").status
    last = assert_hooks("/apps/hooks.ru", status: 206, env: nil)
    assert_match(%r{\Abytes 0-3/\d+\z}, last["headers"]["content-range"])
    get("/apps/none")
    assert_hooks("/apps/none", status: 200, env: "/apps/none")
  end

  def test_of_what_is_not_modified
    assert_equal 304, get("/static", "if-none-match" => "*").status
    assert_hooks("/static", status: 304, env: nil)
  end

  def test_of_a_failure
    assert_equal 500, get("/raise").status
    assert_hooks("/raise", status: nil, env: "/raise", error: "the app fails")
  end

  def test_of_a_hijack
    assert_equal 200, get("/hijack").status
    assert_equal ORDER, events("/hijack").map { |event| event["hook"] }
  end

  def test_the_request
    fetch("GET", "/request?a=b&c", "x-two" => %w[1 2], "cookie" => %w[a=1 b=2], "X-Mixed" => "é")
    seen = events("/request").find { |event| event["hook"] == "seen" }
    assert_equal ["GET", "/request", "a=b&c", "127.0.0.1", "HTTP/1.1", true], seen.values_at(*%w[method path query remote_addr http_version frozen])
    assert_equal({ "host" => "test.example", "x-two" => "1, 2", "cookie" => "a=1; b=2", "x-mixed" => "é" }, seen["headers"])
    connect.write("HEAD /request HTTP/1.0\r\n\r\n").read_to_end
    seen = events("/request").find { |event| event["hook"] == "seen" }
    assert_equal ["HEAD", "", "HTTP/1.0", {}], seen.values_at(*%w[method query http_version headers])
  end

  def test_failures_of_hooks_are_contained_and_logged
    { "/rack" => "rack from a hook", "/block" => "block", "/static" => "static", "/apps/hooks.ru" => File.read("#{ROOT}/#{self.class.app("hooks")}") }.each do |path, text|
      seen = server.log.size
      response = get("#{path}?fail")
      assert_equal text, response.body.force_encoding("UTF-8"), path
      assert_equal ORDER, events(path).map { |event| event["hook"] }, path
      server.wait_for_log(/a start hook fails/, from: seen)
      server.wait_for_log(/an end hook fails/, from: seen)
    end
  end

  def test_many_are_heard_of_in_order
    client = connect.write(Array.new(300) { |index| head("GET /static?#{index}") + (index % 7 == 0 ? head("GET /rack") : "") }.join)
    343.times { client.response }
    assert_equal 300, events("/static", 300).count { |event| event["hook"] == "start 1" }
  end

  def test_pipelined_heads
    exchange(head("HEAD /static"), head("GET /static"), head("POST /static", "Content-Length: 3") + "abc")
    heard = events("/static", 3)
    assert_equal [nil, nil, "/static"], heard.select { |event| event["hook"] == "end 1" }.map { |event| event["env"] }.sort_by(&:to_s)
  end

  def test_a_native_response_waits_for_no_executor
    release = "#{dir}/release"
    booted = boot(self.class.app("hooks"), "-t", "2", env: { "RELEASE" => release })
    stuck = Array.new(2) { connect(booted).request("GET", "/hang") }
    assert(stuck.all? { |client| client.silent?(0.2) })
    client = connect(booted)
    2000.times { assert_equal "static", client.get("/static").body }
    assert(stuck.all? { |other| other.silent?(0) })
    FileUtils.touch(release)
    assert_equal %w[released released], stuck.map { |other| other.response.body }
    assert_equal 2000, events("/static", 2000, to: booted).count { |event| event["hook"] == "start 2" }
  end

  def test_hooks_that_come_too_late_are_told_of_so_many_and_the_log_of_the_rest
    release = "#{dir}/release"
    booted = boot(self.class.app("hooks"), "-t", "1", "--no-log-requests", env: { "RELEASE" => release })
    stuck = connect(booted).request("GET", "/hang")
    assert stuck.silent?(0.2)
    client = connect(booted)
    20.times do
      client.write(head("GET /static") * 1000)
      1000.times { client.response }
    end
    FileUtils.touch(release)
    lost = JSON.parse(booted.wait_for_log(/^\{.*requests were not reported to hooks.*$/)[0])["requests"].to_i
    assert_operator lost, :>, 0
    assert_equal 20_000 - lost, events("/static", 20_000 - lost, to: booted).count { |event| event["hook"] == "end 1" }
  end

  RAISES = ["throw :nothing", "exit", "raise Interrupt", "raise NoMemoryError", "def again = again\n again", "Thread.exit"].freeze

  def test_whatever_a_hook_raises_the_server_goes_on
    RAISES.each do |code|
      booted = boot_text(<<~RUBY, "-t", "1")
        Hyperion::Runtime.default.on_request_start { |request, _| next unless request.query == "fail"\n #{code} }
        Hyperion::Server.handle_static(:GET, "/static", "static")
        run ->(_) { [200, {}, ["rack"]] }
      RUBY
      assert_equal %w[static static], Array.new(2) { get("/static?fail", to: booted).body }, code
      assert_equal(code == "Thread.exit" ? 500 : 200, get("/rack?fail", to: booted).status, code)
      assert_equal "rack", get("/rack", to: booted).body, code
      assert_equal 0, booted.stop.exitstatus, code
    end
  end

  def test_through_ruby_the_env_is_there
    booted = boot(self.class.app("hooks"), "--no-native-routes")
    get("/static", to: booted)
    heard = events("/static", to: booted)
    assert_equal [ORDER, %w[/static]], [heard.map { |event| event["hook"] }, heard.map { |event| event["env"] }.uniq]
  end

  def test_in_a_cluster
    cluster = boot(self.class.app("hooks"), "-w", "2", "-t", "1")
    connect(cluster).get("/static")
    heard = []
    # A request that waits behind hooks may move to the other worker, and its connection stays there.
    eventually { heard.concat(connect(cluster).get("/events").json).size == 4 }
    assert_equal ORDER, heard.map { |event| event["hook"] }
  end

  def test_the_server_itself_is_no_ones_business
    get("/-/health")
    assert_equal 400, connect.write("GET /refused HTTP/1.1\r\n\r\n").response.status
    get("/rack")
    assert_equal 4, events("/rack").size
    assert_empty get("/events").json
  end

  def test_each_runtime_hears_of_its_own_server
    out, err, = ruby(<<~'RUBY')
      require "hyperion"
      require "net/http"
      Hyperion::Server.handle_static(:GET, "/static", "static")
      heard = Thread::Queue.new
      Hyperion::Runtime.default.on_request_start { |request, _| heard << "default #{request.path}" }
      servers = %w[one two].map do |name|
        runtime = Hyperion::Runtime.new
        runtime.on_request_end { |request, env, (status), _| heard << "#{name} #{request.path} #{env.class} #{status}" }
        Hyperion::Server.new(app: ->(_) { [200, {}, ["rack"]] }, runtime: runtime, port: 0, log_requests: false).start
      end
      servers << Hyperion::Server.new(app: ->(_) { [200, {}, ["rack"]] }, port: 0, log_requests: false).start
      servers.each do |server|
        %w[/static /rack].each { |path| Net::HTTP.get(URI("http://127.0.0.1:#{server.port}#{path}")) && puts(heard.pop) }
      end
      late = Hyperion::Runtime.new
      server = Hyperion::Server.new(app: ->(_) { [200, {}, ["rack"]] }, runtime: late, port: 0, log_requests: false).start
      late.on_request_start { |request, _| heard << "late #{request.path}" }
      Net::HTTP.get(URI("http://127.0.0.1:#{server.port}/static")) && puts(heard.pop)
      puts "nothing else" if heard.empty?
      begin
        Hyperion::Server.new(app: ->(_) {}, runtime: 5)
      rescue Hyperion::Error => e
        puts e.message
      end
      begin
        late.on_request_start
      rescue ArgumentError => e
        puts e.message
      end
    RUBY
    assert_equal ["one /static NilClass 200", "one /rack Hash 200", "two /static NilClass 200", "two /rack Hash 200", "default /static", "default /rack",
                  "late /static", "nothing else", "runtime: 5 is not a Hyperion::Runtime", "on_request_start needs a block"], out.lines(chomp: true), err
  end

  def test_W18_requests_that_hooks_keep_stay_what_they_were
    booted = boot_text(<<~'RUBY', "-t", "2")
      KEPT = []
      Hyperion::Runtime.default.on_request_end { |request, *| KEPT << request }
      Hyperion::Server.handle_static(:GET, "/static", "static")
      run ->(_) { GC.start; GC.respond_to?(:compact) && GC.compact; [200, {}, [KEPT.map { |request| "#{request.path}?#{request.query} #{request.headers["x"]}" }.join("\n")]] }
    RUBY
    client = connect(booted)
    200.times { |index| client.get("/static?#{index}", "x" => "value #{index}") }
    kept = eventually { client.get("/kept").body.lines(chomp: true).grep(/static/).then { |lines| lines if lines.size == 200 } }
    assert_equal Array.new(200) { |index| "/static?#{index} value #{index}" }, kept
  end
end
