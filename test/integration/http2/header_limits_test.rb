# frozen_string_literal: true

require "support/integration"
require "json"
require "open3"

# Headers on their way out are bounded: in number and in bytes, in responses, early hints and trailers.
class HeaderLimitsTest < HyperionTest::IntegrationCase
  serve "test/integration/http2/apps/many_lines.ru", "-t", "2", "--log-format", "json", "--early-hints", "on"

  PROTOCOLS = { "http1" => "--http1.1", "http2" => "--http2-prior-knowledge" }.freeze
  REFUSED = /"level":"error","source":"app","message":"the headers of %s exceed a limit and are not sent","option":"%s"/

  def curl(flag, path, to: server)
    out, status = Open3.capture2("curl", "-sS", flag, "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", to.url(path))
    assert_predicate status, :success?, path
    Integer(out)
  end

  def refused(what, option, from) = server.wait_for_log(Regexp.new(format(REFUSED.source, what, option)), from: from)

  PROTOCOLS.each do |name, flag|
    define_method("test_H2_more_lines_than_allowed_are_500_over_#{name}") do
      [1001, 30_000].each do |count|
        from = server.log.size
        assert_equal 500, curl(flag, "/lines?#{count}")
        refused("a response", "max_response_fields", from) if count == 1001
        assert_equal 200, curl(flag, "/"), "the server answers on"
      end
    end

    define_method("test_H2_more_bytes_than_allowed_are_500_over_#{name}") do
      from = server.log.size
      assert_equal 500, curl(flag, "/bytes?#{300 * 1024}")
      refused("a response", "max_response_header_bytes", from)
    end

    define_method("test_H2_as_many_cookies_as_an_honest_app_sets_leave_over_#{name}") do
      assert_equal 200, curl(flag, "/lines?900")
    end

    define_method("test_H2_early_hints_and_trailers_above_the_limit_are_left_out_over_#{name}") do
      from = server.log.size
      assert_equal 200, curl(flag, "/hints?5000")
      refused("an informational response", "max_response_fields", from)
      assert_equal 200, curl(flag, "/trailers?5000")
      refused("a trailer section", "max_response_fields", from)
    end
  end

  def test_H2_the_limits_are_options
    lenient = boot("test/integration/http2/apps/many_lines.ru", "--max-response-fields", "2000", "--max-response-header-bytes", "1MiB")
    assert_equal [200, 200], [curl("--http1.1", "/lines?1500", to: lenient), curl("--http1.1", "/lines?1500&x", to: lenient)]
  end
end
