# frozen_string_literal: true

require_relative "../support/unit"
require_relative "../support/fake_engine"
require "hyperion/runtime"

class RuntimeTest < UnitCase
  # Keeps what it is told.
  Engine = Struct.new(:told) do
    def hooks=(lists)
      told << lists
    end
  end

  def setup
    @runtime = Hyperion::Runtime.new
    @engine = Engine.new([])
  end

  def test_an_engine_is_told_with_the_first_block
    @runtime.attach(@engine)
    assert_empty @engine.told
    assert_nil @runtime.on_request_end { 1 }
    @runtime.on_request_start { 2 }
    @runtime.on_request_start { 3 }
    assert_equal [[], [1]], @engine.told.first.map { |blocks| blocks.map(&:call) }
    assert_equal [[2, 3], [1]], @engine.told.last.map { |blocks| blocks.map(&:call) }
    assert_equal 3, @engine.told.size
  end

  def test_an_engine_that_comes_later_is_told_all
    @runtime.on_request_start { 1 }
    @runtime.attach(@engine)
    assert_equal [[1], []], @engine.told.last.map { |blocks| blocks.map(&:call) }
  end

  def test_a_detached_engine_hears_nothing
    @runtime.attach(@engine)
    @runtime.detach(@engine)
    @runtime.on_request_start { 1 }
    assert_empty @engine.told
  end

  def test_each_has_its_own_blocks
    Hyperion::Runtime.new.on_request_start { 1 }
    @runtime.attach(@engine)
    assert_empty @engine.told
    assert_same Hyperion::Runtime.default, Hyperion::Runtime.default
  end

  def test_a_block_is_needed
    assert_match(/on_request_start needs a block/, assert_raises(ArgumentError) { @runtime.on_request_start }.message)
    assert_match(/on_request_end needs a block/, assert_raises(ArgumentError) { @runtime.on_request_end }.message)
  end

  def test_a_server_is_given_one
    problem = problems { Hyperion::Server.new(app: ->(_) {}, runtime: 5) }.first
    assert_equal "runtime: 5 is not a Hyperion::Runtime", problem
    Hyperion::Server.new(app: ->(_) {}, runtime: @runtime)
  end
end
