# frozen_string_literal: true

require_relative "../support/unit"
require_relative "../support/fake_engine"
require "hyperion/metrics"

class MetricsTest < UnitCase
  def setup = @metrics = Hyperion::Metrics.new(2)

  def test_each_process_counts_in_a_place_of_its_own
    claims = Array.new(8) { |number| @metrics.claim(number % 2) }
    assert_equal 8, claims.map(&:block).uniq.size
    assert_raises(Errno::EAGAIN) { @metrics.claim(0) }
    @metrics.release(claims[3])
    assert_equal claims[3].block, @metrics.claim(1).block
  end

  def test_an_engine_is_told_where_to_count
    assert_equal %i[segment block slot], @metrics.claim(1).to_h.keys
    assert_equal 1, @metrics.claim(1).to_h[:slot]
  end

  def test_one_process_without_a_master_has_a_place
    assert_equal 0, Hyperion::Metrics.new(0).claim(0).block
  end

  def test_what_happens_is_passed_on
    @metrics.restarted(:max_rss)
    assert_equal [:max_rss], @metrics.snapshot[:restarts]
    assert_equal :booting, @metrics.phase
    @metrics.phase = :serving
    assert_equal :serving, @metrics.phase
    assert_equal "# as openmetrics\n", @metrics.text(:openmetrics)
  end
end
