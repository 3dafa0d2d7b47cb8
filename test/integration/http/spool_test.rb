# frozen_string_literal: true

require "support/integration"

# Large request bodies wait on a disk, and all of them together are bounded.
class SpoolTest < HyperionTest::IntegrationCase
  %w[epoll io_uring].each do |driver|
    [[], %w[-w 2]].each do |flags|
      define_method("test_I5_bodies_beyond_what_they_may_take_together_are_refused_#{driver}#{flags.join}") do
        app = boot("probe.ru", "--max-spool-bytes", "3m", "--io", driver, *flags)
        held = Array.new(3) { upload(app) }
        refused = upload(app)
        assert_equal 503, refused.response.status
        app.wait_for_log(/max_spool_bytes: all bodies together may take 3145728 bytes on disk/)
        held.each(&:close)
        eventually("what they took is not free again", timeout: 10) { post("/digest", "x" * 700_000, to: app).status == 200 }
        assert_equal 0, app.stop.exitstatus
      end
    end
  end

  def test_an_ordinary_upload_is_no_matter
    app = boot("probe.ru")
    body = "x" * (40 * 1024 * 1024)
    assert_equal 200, post("/digest", body, to: app).status
  end

  private

  # A part of a body that goes to a file.
  def upload(app)
    connect(app).write("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n#{"x" * 400_000}").tap do |client|
      client.silent?(0.1)
    end
  end
end
