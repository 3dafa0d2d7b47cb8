# frozen_string_literal: true

require_relative "../../support/unit"

class FiberOptionsTest < UnitCase
  def test_fibers_without_async_io_have_no_effect
    assert_match(/flag --fibers: has no effect, since async_io is off/, configure("--fibers", "9").warnings.first)
    assert_empty configure("--fibers", "9", "--async-io").warnings
    assert_empty configure("--async-io").warnings
  end
end
