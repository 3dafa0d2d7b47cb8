# frozen_string_literal: true

require_relative "native_case"

# Where routes may be registered, in which modes they answer, and what is said of those that are wrong.
class RegistrationTest < HyperionTest::NativeCase
  ROUTE = 'Hyperion::Server.handle_static(:GET, "/here", "static")'
  BLOCK = 'Hyperion::Server.handle(:GET, "/here") { |_| [200, {}, ["block"]] }'
  RACK = "run ->(_) { [200, {}, [\"rack\"]] }\n"

  serve app("routes"), "-t", "2"

  def test_in_the_configuration_file
    configured = boot_with("threads 1\n#{ROUTE}\n")
    assert_equal "static", body("/here", to: configured)
    assert_match(/^  Routes +1 native \(/, configured.log)
  end

  def test_in_an_initializer_of_the_app
    file("config/initializers/routes.rb", ROUTE)
    [[], %w[-w 2], %w[-w 2 --no-preload]].each do |options|
      booted = boot_text("require_relative \"config/initializers/routes\"\n#{RACK}", *options)
      assert_equal %w[static rack], [body("/here", to: booted), body("/there", to: booted)], options.inspect
      assert_match(/^  Routes +1 native/, booted.log, options.inspect)
    end
  end

  def test_in_a_hook_of_each_worker
    booted = boot_with("workers 2\non_worker_boot { |slot| Hyperion::Server.handle_static(:GET, \"/here\", \"slot \#{slot}\") }\n")
    assert_equal ["slot 0", "slot 1"], of_each_worker(booted, "/here")
  end

  def test_while_serving_each_worker_has_its_own
    booted = boot(self.class.app("routes"), "-w", "2", "-t", "1")
    client = connect(booted)
    assert_equal "registered", client.get("/register?/mine").body
    assert_equal "registered while serving\n", client.get("/mine").body
    assert_equal ["rack GET /mine ", "registered while serving\n"], of_each_worker(booted, "/mine"), "the other worker has it too"
  end

  # What is answered on connections that are open together, so that every worker has some.
  def of_each_worker(cluster, path)
    clients = Array.new(24) { connect(cluster) }
    clients.map { |client| client.get(path).body }.uniq.sort
  end

  PATHS = %w[/static /static?q /html /big /empty /none /gone /tagged /a%20b /block?x /both /apps/routes.ru /rack].freeze
  REQUESTS = PATHS.flat_map { |path| [["GET #{path}"], ["HEAD #{path}"], ["POST #{path}", "Content-Length: 0"], ["GET #{path}", "If-None-Match: *"]] } +
    [["POST /taken", "Content-Length: 0"], ["GET /apps/routes.ru", "Range: bytes=3-9"], ["GET /apps/none"]].freeze

  # Status line, fields in no order, body; without the time of day.
  def bytes_of(server)
    REQUESTS.map do |request|
      answer = connect(server).write(head(*request, "Connection: close")).read_to_end
      fields, body = answer.split("\r\n\r\n", 2)
      [request, fields.sub(/^date: .*\r\n/, "").lines(chomp: true).sort, body]
    end
  end

  def test_every_mode_gives_the_same
    expected = bytes_of(server)
    refute_empty expected.flat_map(&:last).grep(/a static body/)
    { %w[-w 2] => {}, %w[--no-native-routes] => {}, %w[-w 2 --no-native-routes] => {}, [] => { "HYPERION_C_ACCEPT_LOOP" => "0" },
      %w[-b unix:///] => {} }.each do |options, env|
      options = ["-b", "unix://#{dir}/socket"] if options.include?("unix:///")
      other = boot(self.class.app("routes"), *options, "-t", "1", env: env, bind: !options.include?("-b"))
      expected.zip(bytes_of(other)).each { |one, same| assert_equal one, same, "#{options} #{env}" }
    end
  end

  def test_through_ruby_says_so
    ["--no-native-routes", nil].each do |option|
      env = option ? {} : { "HYPERION_C_ACCEPT_LOOP" => "0" }
      booted = boot(self.class.app("routes"), *option, "--admin-token", TOKEN, env: env)
      assert_match(/^  Routes +11 static, 3 blocks, 1 mount \(through Ruby\)$/, booted.log)
      get("/static", to: booted)
      assert_equal [1, 0], modes(to: booted).values_at("native", "rack").map(&:to_i)
    end
  end

  def test_embedded
    out, err, = ruby(<<~RUBY)
      require "hyperion"
      require "net/http"
      #{ROUTE}
      server = Hyperion::Server.new(app: ->(_) { [200, {}, ["rack"]] }, port: 0, log_requests: false).start
      show = ->(path) { puts Net::HTTP.get(URI("http://127.0.0.1:\#{server.port}\#{path}")) }
      show.call("/here")
      show.call("/there")
      Hyperion::Server.handle_static(:GET, "/there", "later")
      show.call("/there")
      Hyperion::Server.routes.clear
      show.call("/here")
      server.stop
      Hyperion::Server.handle_static(:GET, "/here", "again")
      server.start
      show.call("/here")
    RUBY
    assert_equal %w[static rack later rack again], out.split, err
  end

  def test_two_servers_of_a_process_have_the_same_routes
    out, err, = ruby(<<~RUBY)
      require "hyperion"
      require "net/http"
      servers = Array.new(2) { Hyperion::Server.new(app: ->(_) { [200, {}, ["rack"]] }, port: 0, log_requests: false).start }
      #{BLOCK}
      servers.each { |server| puts Net::HTTP.get(URI("http://127.0.0.1:\#{server.port}/here")) }
    RUBY
    assert_equal %w[block block], out.split, err
  end

  def test_a_second_registration_is_told_with_both_places
    text = refuse("-p", "0", file("config.ru", "#{ROUTE}\n#{BLOCK}\n#{RACK}"))
    assert_match(%r{config\.ru:2: GET /here is registered already, at .*config\.ru:1; register it once}, text)
    config = file("hyperion.rb", "#{ROUTE}\n\n#{ROUTE}")
    assert_match(%r{hyperion\.rb:3: GET /here is registered already, at .*hyperion\.rb:1}, refuse("-p", "0", "-C", config, "#{ROOT}/#{BASIC}"))
    assert_match(%r{config\.ru:1: GET /here is registered already, at .*hyperion\.rb:1},
      refuse("-p", "0", "-C", file("hyperion.rb", ROUTE), file("config.ru", "#{ROUTE}\n#{RACK}")))
  end

  WRONG = {
    'handle_static(:FETCH, "/", "")' => /:FETCH is not a method of a route; give one of GET, HEAD/,
    "handle_static(:GET, 5, \"\")" => /path: 5 is not a String/,
    'handle_static(:GET, "here", "")' => %r{path: "here" does not begin with /},
    'handle_static(:GET, "/a?b", "")' => /path: "\/a\?b" has a query or fragment/,
    'handle_static(:GET, "/", [""])' => /body: \[""\] is not a String/,
    'handle_static(:GET, "/", "", status: 100)' => /status: 100 is not a final status/,
    'handle_static(:GET, "/", "", headers: { "x" => "a\r\nb" })' => /headers: the value of x has a control character/,
    'handle_static(:GET, "/", "", headers: { "Content-Length" => "5" })' => /headers: the server decides about content-length; leave it out/,
    'handle_static(:GET, "/", "", headers: { "etag" => "v1" })' => /headers: v1 is not the one etag of a response; give it in quotes/,
    'handle(:GET, "/")' => /a block that takes an env .* is missing/,
    'mount_static("/assets", "nowhere")' => %r{dir: there is no directory /.*/nowhere; make it, or correct the path},
    'mount_static("assets", ".")' => /prefix: "assets" is not a path of whole segments/,
    'mount_static("/", ".", index: true)' => /index: true is not the name of a file/,
    'mount_static("/", ".", headers: { "Accept-Ranges" => "none" })' => /headers: the server decides about accept-ranges; leave it out/,
    'mount_static("/", ".", fallthrough: "no")' => /fallthrough: "no" is neither true nor false/
  }.freeze

  WRONG.each_with_index do |(call, message), index|
    define_method("test_what_is_wrong_is_told_#{index}_#{call[/\w+/]}") do
      text = refuse("check", file("config.ru", "\nHyperion::Server.#{call}\n#{RACK}"))
      assert_match(/config\.ru:2: #{message.source} *.*\(ArgumentError\)/, text)
    end
  end

  EXCESSIVE = {
    "x: Array.new(1001, \"a\")" => /the headers exceed max_response_fields; send fewer/,
    "x: Array.new(16_383, \"a\")" => /the headers exceed max_response_fields; send fewer/,
    "x: Array.new(20_000, \"a\")" => /the header x cannot be sent: headers too large/,
    "x: \"a\" * 300_000" => /the headers exceed max_response_header_bytes; send fewer/
  }.freeze

  def test_H2_headers_above_the_limits_of_responses_are_refused_with_their_place
    EXCESSIVE.each do |headers, message|
      route = "Hyperion::Server.handle_static(:GET, \"/here\", \"\", headers: { #{headers.sub("x:", '"x" =>')} })\n"
      assert_match(/config\.ru:2: #{message.source}/, refuse("-p", "0", file("config.ru", "\n#{route}#{RACK}")), headers)
    end
    mount = "Hyperion::Server.mount_static(\"/a\", \"#{dir}\", headers: { \"x\" => Array.new(1001, \"a\") })\n"
    assert_match(/config\.ru:2: the headers exceed max_response_fields/, refuse("-p", "0", file("config.ru", "\n#{mount}#{RACK}")))
  end

  def test_H2_headers_within_raised_limits_are_sent
    route = "Hyperion::Server.handle_static(:GET, \"/here\", \"static\", headers: { \"x\" => Array.new(5000, \"a\") })\n"
    booted = boot_text("#{route}#{RACK}", "--max-response-fields", "6000")
    assert_equal ["static", 5000], [body("/here", to: booted), get("/here", to: booted).headers.count { |name, _| name == "x" }]
  end

  def test_a_directory_that_is_gone_when_the_server_starts
    gone = "Dir.mkdir(\"#{dir}/gone\")\nHyperion::Server.mount_static(\"/a\", \"#{dir}/gone\")\nDir.rmdir(\"#{dir}/gone\")\n"
    assert_match(%r{config\.ru:2: /.*/gone: No such file or directory.*; create the directory or mount another one}, refuse("-p", "0", file("config.ru", gone + RACK)))
  end
end
