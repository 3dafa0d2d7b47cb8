# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/variables"

class VariablesTest < UnitCase
  def test_each_option_has_a_variable
    assert_equal({ threads: 7, log_requests: false, max_body_bytes: 1024 },
                 values("HYPERION_THREADS" => "7", "HYPERION_LOG_REQUESTS" => "false", "HYPERION_MAX_BODY_BYTES" => "1k"))
  end

  def test_ours_win_over_those_that_everyone_knows
    assert_equal({ port: 1, workers: 4, threads: 6 },
                 values("HYPERION_PORT" => "1", "PORT" => "2", "WEB_CONCURRENCY" => "4", "RAILS_MAX_THREADS" => "6"))
    assert_equal "rack", values("RAILS_ENV" => "rails", "RACK_ENV" => "rack", "APP_ENV" => "app")[:environment]
    assert_equal "app", values("APP_ENV" => "app")[:environment]
  end

  def test_what_is_empty_is_not_set
    assert_empty values("PORT" => "", "HYPERION_THREADS" => " ")
  end

  def test_io_uring_has_an_alias
    assert_equal :io_uring, values("HYPERION_IO_URING_ACCEPT" => "1")[:io]
    assert_empty values("HYPERION_IO_URING_ACCEPT" => "0")
    assert_equal :epoll, values("HYPERION_IO_URING_ACCEPT" => "1", "HYPERION_IO" => "epoll")[:io]
  end

  def test_the_port_that_kubernetes_sets_for_a_service_of_our_name_is_not_ours
    assert_equal({ port: 3000 }, values("HYPERION_PORT" => "tcp://10.0.0.7:80", "PORT" => "3000"))
  end

  def test_a_bad_value_names_its_variable
    assert_match(/\Avariable WEB_CONCURRENCY: workers: "several" is not/, read("WEB_CONCURRENCY" => "several").layer.problems.first)
  end

  def test_what_looks_mistyped_is_a_warning
    assert_equal ["variable HYPERION_TREADS is none of Hyperion's; did you mean HYPERION_THREADS?"], read("HYPERION_TREADS" => "1").warnings
    assert_empty read("HYPERION_SERVICE_HOST" => "10.0.0.7", "HYPERION_THREADS" => "1").warnings
  end

  private

  def read(env) = Hyperion::Variables.new(env)
  def values(env) = read(env).layer.settings.transform_values(&:value)
end
