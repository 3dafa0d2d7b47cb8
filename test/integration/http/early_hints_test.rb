# frozen_string_literal: true

require "support/integration"
require "net/http"
require_relative "../http2/h2_client"

# Many clients of HTTP/1.1, and proxies before them, take a 103 for the response.
class EarlyHintsTest < HyperionTest::IntegrationCase
  APP = <<~RUBY
    HINTS = { "link" => "</a.css>; rel=preload" }.freeze
    run(lambda do |env|
      hints = env["rack.early_hints"]
      hints&.call(env["PATH_INFO"] == "/empty" ? {} : HINTS)
      [200, {}, [[env.key?("rack.early_hints"), hints.equal?(env["rack.hijack"])].join(" ")]]
    end)
  RUBY

  { nil => [true, false], "off" => [false, false], "http2" => [true, false], "on" => [true, true] }.each do |policy, (over_h2, over_h1)|
    define_method("test_clients_of_both_versions_where_hints_are_#{policy || "as_by_default"}") do
      server = boot_app(*(policy ? ["--early-hints", policy] : []))
      h1 = get("/", to: server)
      assert_equal [over_h1 ? 1 : 0, "#{over_h1} false"], [h1.informational.size, h1.body.sub("false true", "false false")]
      h2 = h2(server).get("/")
      assert_equal [over_h2 ? 1 : 0, over_h2.to_s], [h2.informational.size, h2.body.split.first]
    end
  end

  def test_there_is_no_103_without_headers
    server = boot_app("--early-hints", "on")
    assert_empty get("/empty", to: server).informational
    assert_empty h2(server).get("/empty").informational
  end

  def test_http_1_0_knows_no_103
    server = boot_app("--early-hints", "on")
    bytes = connect(server).write("GET / HTTP/1.0\r\n\r\n").read_to_end
    assert_match(%r{\AHTTP/1\.[01] 200 .*false}m, bytes)
  end

  def test_standard_clients_see_the_response
    server = boot_app
    assert_equal "200", Net::HTTP.get_response(URI(server.url)).code
    assert_equal "200", IO.popen(["/usr/bin/python3", "-c", "import http.client,sys; c=http.client.HTTPConnection(sys.argv[1]); c.request('GET','/'); print(c.getresponse().status)", server.authority], &:read).strip
  end

  private

  def boot_app(*flags)
    Dir.mktmpdir do |dir|
      File.write("#{dir}/config.ru", APP)
      boot("#{dir}/config.ru", *flags)
    end
  end

  def h2(server)
    skip "python3-h2 is not installed" unless HyperionTest::H2Client.available?
    HyperionTest::H2Client.new("127.0.0.1", server.port).tap { |client| ending { client.close } }
  end
end
