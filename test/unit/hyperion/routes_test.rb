# frozen_string_literal: true

require_relative "../support/unit"
require "hyperion/routes"

class RoutesTest < UnitCase
  # Keeps what it is told.
  class Engine
    attr_reader :told
    attr_accessor :refuses

    def initialize = @told = []

    def routes=(entries)
      raise Hyperion::Error, "no" if entries.any? { |entry| entry[:path] == refuses && refuses }

      @told << entries
    end

    def paths = told.last.map { |entry| entry[:path] || entry[:prefix] }
  end

  def setup
    @routes = Hyperion::Routes.new
    @engine = Engine.new
  end

  def test_an_engine_is_told_all_and_then_each_change
    assert_nil @routes.static(:GET, "/a", "")
    @routes.attach(@engine)
    @routes.block(:GET, "/b", ->(_) {})
    @routes.mount("/c", dir)
    assert_equal %w[/a /b /c], @engine.paths
    assert_equal 3, @engine.told.size
    @routes.clear
    assert_empty @engine.told.last
    assert_predicate @routes, :empty?
  end

  def test_a_detached_engine_hears_nothing
    @routes.attach(@engine)
    @routes.detach(@engine)
    @routes.static(:GET, "/a", "")
    assert_equal [[]], @engine.told
  end

  def test_mounts_of_one_engine_come_behind_the_others
    other = Engine.new
    own = Hyperion::Mount.preloaded(dir)
    @routes.attach(@engine, [own])
    @routes.attach(other)
    @routes.mount("/a", dir)
    assert_equal %w[/a /], @engine.paths
    assert_equal %w[/a], other.paths
    assert_equal [true, true], @engine.told.last.last.values_at(:immutable, :fallthrough)
  end

  def test_a_route_is_registered_once
    @routes.static(:GET, "/a", "")
    line = __LINE__ - 1
    error = assert_raises(ArgumentError) { @routes.block("get", "/a", ->(_) {}) }
    assert_equal "GET /a is registered already, at #{__FILE__}:#{line}; register it once", error.message
    @routes.static(:HEAD, "/a", "")
    @routes.static(:GET, "/a/", "")
  end

  def test_a_directory_is_mounted_once_at_a_prefix
    @routes.mount("/a", dir)
    assert_match(/\A#{dir} below \/a is registered already/, assert_raises(ArgumentError) { @routes.mount("/a/", "#{dir}/.") }.message)
    @routes.mount("/b", dir)
    file("other/x", "")
    @routes.mount("/a", "#{dir}/other")
  end

  def test_what_an_engine_refuses_nobody_has
    @routes.attach(@engine)
    @engine.refuses = "/bad"
    assert_raises(Hyperion::Error) { @routes.static(:GET, "/bad", "") }
    @engine.refuses = nil
    @routes.static(:GET, "/bad", "")
    assert_equal %w[/bad], @engine.paths
  end

  def test_an_engine_that_refuses_at_first_is_not_attached
    @routes.static(:GET, "/bad", "")
    @engine.refuses = "/bad"
    assert_raises(Hyperion::Error) { @routes.attach(@engine) }
    @routes.static(:GET, "/good", "")
    assert_empty @engine.told
  end

  def test_numbers_are_never_used_again
    @routes.attach(@engine)
    3.times do
      @routes.block(:GET, "/a", ->(_) {})
      @routes.clear
    end
    numbers = @engine.told.flatten.map { |entry| entry[:number] }
    assert_equal [3, 3], [numbers.size, numbers.uniq.size]
  end

  def test_threads_may_register_together
    @routes.attach(@engine)
    threads = Array.new(4) { |thread| Thread.new { 25.times { |i| @routes.static(:GET, "/#{thread}/#{i}", "") } } }
    threads.each(&:join)
    assert_equal 100, @engine.told.last.size
    assert_equal 100, @engine.told.last.map { |entry| entry[:number] }.uniq.size
  end

  def test_they_are_described_for_the_boot_line
    assert_nil @routes.describe
    2.times { |i| @routes.static(:GET, "/#{i}", "") }
    @routes.block(:GET, "/b", ->(_) {})
    assert_equal "2 native, 1 block", @routes.describe
    assert_equal "2 static, 1 block, 1 mount", @routes.describe([Hyperion::Mount.preloaded(dir)], native: false)
  end

  def test_the_registry_of_the_process_is_that_of_the_server_class
    assert_same Hyperion::Routes.default, Hyperion::Server.routes
    assert_nil Hyperion::Server.handle_static(:get, "/one", "1")
    assert_nil(Hyperion::Server.handle(:get, "/two") { [200, {}, []] })
    assert_nil Hyperion::Server.mount_static("/three", dir)
    assert_equal "1 native, 1 block, 1 mount", Hyperion::Server.routes.describe
    Hyperion::Server.routes.clear
  end

  def test_the_configuration_file_may_register
    config = file("conf.rb", "Hyperion::Server.handle_static :GET, '/x', 'y'\n")
    configure(file: config)
    assert_equal "1 native", Hyperion::Server.routes.describe
    problem = problems { configure(file: config) }.first
    assert_match(/\A#{config}:1: GET \/x is registered already, at #{config}:1; /, problem)
  ensure
    Hyperion::Server.routes.clear
  end
end
