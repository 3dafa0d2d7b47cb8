# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/banner"

class BannerTest < UnitCase
  def test_each_fact_and_one_line_for_each_address
    text = Hyperion::Banner.new(configure("-w", "3", "-t", "7", "-e", "staging"), %w[http://a:1 unix:///b], io_driver: "epoll").to_s
    [Hyperion::VERSION, RUBY_DESCRIPTION, "3 workers, reuseport, preloaded", "7 per process", "epoll", "staging", Process.pid.to_s].each do |fact|
      assert_includes text, fact
    end
    assert_equal ["Listening on http://a:1\n", "Listening on unix:///b\n", "Use Ctrl-C to stop\n"], text.lines.last(3)
  end

  def test_one_process
    assert_match(/Mode +one process$/, Hyperion::Banner.new(configure, [], io_driver: "epoll").to_s)
  end
end
