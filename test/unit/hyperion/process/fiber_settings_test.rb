# frozen_string_literal: true

require "minitest/autorun"
require "hyperion/process/fiber_settings"

class FiberSettingsTest < Minitest::Test
  State = Struct.new(:isolation_level)
  Settings = Struct.new(:pool)

  def teardown
    %i[ActiveSupport ActiveRecord].each { |name| Object.class_eval { remove_const(name) if const_defined?(name) } }
  end

  def test_rails_keeps_what_belongs_to_a_request_by_fiber
    Hyperion::FiberSettings.apply # Nothing is there.
    Object.const_set(:ActiveSupport, Module.new).const_set(:IsolatedExecutionState, state = State.new(:thread))
    Hyperion::FiberSettings.apply
    assert_equal :fiber, state.isolation_level
  end

  def test_a_pool_that_is_smaller_is_told_of
    assert_nil Hyperion::FiberSettings.warning(256)
    base = Class.new { define_singleton_method(:connection_db_config) { Settings.new(5) } }
    Object.const_set(:ActiveRecord, Module.new).const_set(:Base, base)
    assert_match(/fibers is 256, and the pool of Active Record has 5/, Hyperion::FiberSettings.warning(256))
    assert_nil Hyperion::FiberSettings.warning(5)
  end

  def test_an_app_without_a_database
    base = Class.new { define_singleton_method(:connection_db_config) { raise "none" } }
    Object.const_set(:ActiveRecord, Module.new).const_set(:Base, base)
    assert_nil Hyperion::FiberSettings.warning(256)
  end
end
