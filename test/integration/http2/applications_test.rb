# frozen_string_literal: true

require_relative "../apps/rails_test"
require_relative "../apps/sinatra_test"
require_relative "h2_browser"
require_relative "http2_case"

# The tests of the applications themselves run where they are; here each runs again, over HTTP/2.
[RailsTest, SinatraTest].each { |tests| Minitest::Runnable.runnables.delete(tests) }

# A browser that speaks HTTP/2 with prior knowledge.
module BrowsesHttp2
  def browser
    @browser ||= HyperionTest::H2Browser.new(server.url(""), "--http2-prior-knowledge")
  end

  def test_the_browser_speaks_http2
    assert_equal "2", browser.get("/").version
  end
end

class Http2RailsTest < RailsTest
  include BrowsesHttp2
end

class Http2SinatraTest < SinatraTest
  include BrowsesHttp2
end

# What an application makes of TLS.
class Http2SecureApplicationsTest < HyperionTest::Http2Case
  APPS = %w[sinatra rails].freeze

  APPS.each do |name|
    define_method("test_#{name}_over_tls") do
      need_rails if name == "rails"
      app = boot_h2("test/integration/apps/#{name}/config.ru", "-t", "3", env: { "RAILS_ENV" => "production" })
      base = secure_url("", to: app)
      browser = HyperionTest::H2Browser.new(base, "--cacert", CA.root_path)
      assert_equal %w[2 200], browser.get("/").to_a.first(2)
      assert_equal %w[1 2 3], Array.new(3) { browser.get("/visits").body }
      moved = browser.get(name == "rails" ? "/moved" : "/redirect")
      assert moved["location"].start_with?("#{base}/landed"), moved["location"]
    end
  end
end
