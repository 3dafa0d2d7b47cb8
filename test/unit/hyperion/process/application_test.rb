# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/process/application"
require "hyperion/config/configuration"

class ApplicationTest < UnitCase
  VARIABLES = %w[RACK_ENV RAILS_ENV APP_ENV].freeze

  def setup
    @former = VARIABLES.to_h { |name| [name, ENV[name]] }
    VARIABLES.each { |name| ENV.delete(name) }
  end

  def teardown
    ENV.update(@former)
    super
  end

  def test_an_app_is_what_its_file_runs
    app = load("run ->(env) { [200, {}, [env.fetch('x')]] }\n__END__\nnothing of this\n")
    assert_equal [200, {}, ["y"]], app.call("x" => "y")
  end

  def test_it_is_made_once
    application = Hyperion::Application.new(configure(file("config.ru", "run ->(_) {}\n")))
    assert_same application.load, application.load
    refute_predicate application, :given?
  end

  def test_one_that_a_program_has_made_is_taken_as_it_is
    app = ->(_) {}
    application = Hyperion::Application.new(configure("nowhere.ru"), app)
    assert_same app, application.load
    assert_predicate application, :given?
  end

  def test_the_environment_is_published_first
    assert_equal "staging", load("NAME = ENV['RACK_ENV']\nrun ->(_) { NAME }\n", "-e", "staging").call({})
  end

  def test_a_flag_does_not_leave_rails_in_another_environment
    ENV["RAILS_ENV"] = "development"
    load("run ->(_) {}\n", "-e", "staging")
    assert_equal ["staging", nil], [ENV["RAILS_ENV"], ENV["APP_ENV"]]
  end

  def test_a_variable_leaves_the_others_alone
    ENV["RAILS_ENV"] = "production"
    load("run ->(_) {}\n", env: { "RACK_ENV" => "deployment", "RAILS_ENV" => "production" })
    assert_equal %w[production deployment], [ENV["RAILS_ENV"], ENV["RACK_ENV"]]
  end

  def test_failures_name_file_and_line
    { "\nraise 'broken app'\n" => /config\.ru:2: broken app \(RuntimeError\)/,
      "require 'no/such/library'\n" => %r{config\.ru:1: cannot load such file -- no/such/library},
      "run ->(env) {\n" => /config\.ru:\d+/, "# nothing\n" => /config\.ru: missing run/, "\n\nexit 0\n" => /config\.ru:3: it calls exit/,
      "def deep = deep\ndeep\n" => /config\.ru:1: stack level/, "run 5\n" => /config\.ru gives 5/,
      "raise Class.new(StandardError) { def backtrace = nil }, 'bare'\n" => /bare/ }.each do |text, message|
      error = assert_raises(Hyperion::ApplicationError, text) { load(text) }
      assert_match message, error.message
      refute_match %r{lib/hyperion/}, error.message
    end
  end

  def test_an_app_that_is_not_there
    error = assert_raises(Hyperion::ApplicationError) { Hyperion::Application.new(configure("nowhere.ru")).load }
    assert_includes error.message, "#{dir}/nowhere.ru does not exist"
  end

  def test_a_signal_is_not_swallowed
    assert_raises(Interrupt) { load("raise Interrupt\n") }
  end

  private

  def load(text, *words, env: {}) = Hyperion::Application.new(configure(*words, file("config.ru", text), env: env)).load
end
