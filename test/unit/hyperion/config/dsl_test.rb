# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/dsl"

class DSLTest < UnitCase
  def test_each_option_is_a_method
    dsl = load("threads 3\nlog_level :warn\nmax_body_bytes '1k'\nthread_count 4\n")
    assert_equal({ threads: 4, log_level: :warn, max_body_bytes: 1024 }, values(dsl))
    assert_equal "#{dir}/conf.rb:4", dsl.layer.settings[:threads].source
  end

  def test_binds_are_gathered
    assert_equal %w[a b:1], values(load("bind 'a'\nbind 'b:1'\n"))[:bind].map(&:to_s)
  end

  def test_a_switch_without_a_value_is_on
    assert_equal({ preload: true, log_requests: false }, values(load("preload\nlog_requests false\n")))
  end

  def test_hooks_are_kept_in_order
    dsl = load("on_worker_boot { |slot| slot + 1 }\non_worker_boot { |slot| slot + 2 }\nbefore_fork { 0 }\n")
    assert_equal [6, 7], dsl.hooks[:on_worker_boot].map { |block| block.call(5) }
    assert_equal 1, dsl.hooks[:before_fork].size
  end

  def test_the_logging_block_shortens_names
    dsl = load("logging do\n  level :debug\n  format :json\n  file ENV.fetch('NOPE', 'a.log')\n  requests false\nend\n")
    assert_equal({ log_level: :debug, log_format: :json, log_file: "a.log", log_requests: false }, values(dsl))
  end

  def test_a_problem_in_a_block_has_its_line
    assert_equal ["#{dir}/conf.rb:2: there is no option log_levle; did you mean log_level?"], load("logging do\n  levle :debug\nend\n").layer.problems
  end

  def test_all_problems_are_told
    problems = load("treads 3\nport 99999\nthreads 1, 5, 9\non_worker_boot\nlogging\nlog_level :loud\nconfig 'x'\n").layer.problems
    assert_equal (1..7).to_a, problems.map { |line| Integer(line[/conf\.rb:(\d+)/, 1]) }
    assert_match(/treads; did you mean threads\?/, problems.first)
  end

  def test_what_the_file_raises_is_a_problem_with_its_line
    assert_equal ["#{dir}/conf.rb:2: no luck (RuntimeError)"], load("threads 1\nraise 'no luck'\n").layer.problems
    assert_match(/conf\.rb:1: .*nowhere/, load("require 'nowhere'\n").layer.problems.first)
    assert_match(/conf\.rb:2: .*divided/, load("def half(n) =\n  n.fdiv(2).to_i.div(0)\nhalf(1)\n").layer.problems.first)
  end

  def test_a_file_that_is_no_ruby_is_a_problem_with_its_line
    assert_match(/conf\.rb:[23]: /, load("threads 2\nthreads (\n").layer.problems.first)
  end

  def test_the_file_is_ruby_inside_its_blocks_too
    dsl = load("LEVEL = :debug\ndef kind = :json\nlogging do\n  puts 'a line' if false\n  level LEVEL\n  format kind\n  file %w[a log].join('.')\nend\n")
    assert_empty dsl.layer.problems
    assert_equal({ log_level: :debug, log_format: :json, log_file: "a.log" }, values(dsl))
    assert_equal ["#{dir}/conf.rb:2: no luck (RuntimeError)"], load("logging do\n  raise 'no luck'\nend\n").layer.problems
    assert_output("word\n") { load("puts 'word'\n") }
  end

  def test_names_of_methods_that_every_object_has_hide_no_unknown_option
    problems = load("format :json\ntest true\nselect 5\nbinding '::'\ntrap 3\n").layer.problems
    assert_equal (1..5).to_a, problems.map { |line| Integer(line[/conf\.rb:(\d+): there is no option/, 1]) }
    assert_equal "5.00", values(load("log_file format('%.2f', 5)\n"))[:log_file]
  end

  def test_pumas_names_are_explained
    assert_match(/no option worker_shutdown_timeout; it is called graceful_timeout here/, load("worker_shutdown_timeout 30\n").layer.problems.first)
    assert_match(/no option plugin; nothing of that kind is needed/, load("plugin :tmp_restart\n").layer.problems.first)
    dsl = load("threads 1, 5\n")
    assert_equal [{ threads: 5 }, ["#{dir}/conf.rb:1: threads: 1:5 means 5 threads, which are there from the start"]], [values(dsl), dsl.layer.remarks]
  end

  def test_names_of_methods_that_every_object_has_are_options_too
    assert_equal :epoll, values(load("io :epoll\n"))[:io]
  end

  private

  def load(text) = Hyperion::DSL.load(file("conf.rb", text))
  def values(dsl) = dsl.layer.settings.transform_values(&:value)
end
