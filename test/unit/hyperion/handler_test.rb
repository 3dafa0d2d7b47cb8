# frozen_string_literal: true

require_relative "../support/unit"
require "hyperion/handler"

class HandlerTest < UnitCase
  def test_what_rackup_tells
    config = configured(Host: "localhost", Port: "3000", Threads: "0:16", environment: "production", config: "config.ru", server: "hyperion", pid: nil)
    assert_equal ["http://localhost:3000", 16, "production"], [config.bind.first.url, config.threads, config.environment]
  end

  def test_options_of_ours_by_name
    assert_equal [7, 1024], configured(max_pending: "7", max_body_bytes: "1k").then { |config| [config.max_pending, config.max_body_bytes] }
  end

  def test_sockets
    assert_equal ["unix:///tmp/a", "http://[::1]:9292"], %w[/tmp/a ::1].map { |host| configured(Host: host).bind.first.url }
  end

  def test_defaults_of_rails_are_weaker_than_the_file
    file("config/hyperion.rb", "bind 'filed'\nthreads 3\n")
    config = configured(Host: "localhost", Port: 3000, Threads: 9, user_supplied_options: %i[Threads])
    assert_equal ["http://filed:3000", 9], [config.bind.first.url, config.threads]
    config = configured(Host: "localhost", Port: 3000, user_supplied_options: %w[Host])
    assert_equal ["http://localhost:3000", 3], [config.bind.first.url, config.threads]
  end

  def test_requests_are_logged_once_in_development
    assert_equal [false, true, true], [configured, configured(environment: "production"), configured(log_requests: true)].map(&:log_requests)
  end

  def test_valid_options_are_texts
    handler = Module.new { extend Hyperion::Handler }
    assert_equal [String], handler.valid_options.flatten.map(&:class).uniq
    assert_nil handler.stop
  end

  private

  def configured(**options)
    former = ENV.to_h
    %w[PORT RACK_ENV RAILS_ENV APP_ENV RAILS_MAX_THREADS].each { |name| ENV.delete(name) }
    Dir.chdir(dir) { Hyperion::Handler.configure(options) }
  ensure
    ENV.replace(former)
  end
end
