# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/kinds"

class KindsTest < UnitCase
  include Hyperion

  def test_a_count_is_a_whole_decimal_number_of_its_range
    kind = Kinds::Count.new(1..10)
    assert_equal [7, 10, 1], [kind.parse("7"), kind.parse(10), kind.parse("1")]
    ["0", "11", "1.5", "0x5", "", "many", nil, 2.0, true, "-1", "5\n6"].each { |raw| assert_refused(kind, raw) }
  end

  def test_a_count_may_have_words
    kind = Kinds::Count.new(0..4, words: %i[auto])
    assert_equal [:auto, :auto, 3], [kind.parse("auto"), kind.parse(:auto), kind.parse("3")]
    assert_match(/auto or a whole number from 0 to 4/, assert_refused(kind, "all"))
  end

  def test_seconds_are_numbers_within_a_year
    kind = Kinds::Seconds.new(0.1)
    assert_equal [30, 0.5, 2], [kind.parse("30"), kind.parse("0.5"), kind.parse(2.0)]
    assert_kind_of Integer, kind.parse("30.0")
    ["0", "soon", "", "1e99", Float::NAN, Float::INFINITY, -1, nil, "10s", Complex(1, 1)].each { |raw| assert_refused(kind, raw) }
  end

  def test_zero_seconds_where_that_means_off
    assert_equal 0, Kinds::Seconds.new(0.1, off: true).parse("0")
    assert_refused(Kinds::Seconds.new(0.1, off: true), "0.05")
  end

  def test_bytes_have_units_of_1024
    kind = Kinds::Bytes.new(0..1024**4)
    { "0" => 0, "65536" => 65_536, 7 => 7, "64k" => 65_536, "64K" => 65_536, "16MiB" => 16 * 1024**2, "16 mb" => 16 * 1024**2,
      "1g" => 1024**3, "2GiB" => 2 * 1024**3 }.each { |raw, bytes| assert_equal bytes, kind.parse(raw), raw }
    ["-1", "", "k", "1.5m", "10x", "1tb", "9999g", nil, 1.5].each { |raw| assert_refused(kind, raw) }
  end

  def test_a_choice_is_one_of_its_names
    kind = Kinds::Choice.new(:drop, :allow)
    assert_equal %i[drop allow], [kind.parse("drop"), kind.parse(:allow)]
    assert_match(/one of drop, allow/, assert_refused(kind, "Drop"))
    assert_refused(kind, nil)
  end

  def test_a_switch_is_on_or_off
    kind = Kinds::Switch.new
    assert_equal [true] * 4, ["true", "1", "on", true].map { |raw| kind.parse(raw) }
    assert_equal [false] * 4, ["false", "0", "no", false].map { |raw| kind.parse(raw) }
    assert_refused(kind, "auto")
    assert_equal :auto, Kinds::Switch.new(words: %i[auto]).parse("auto")
  end

  def test_a_text_is_not_empty
    kind = Kinds::Text.new("PATH")
    assert_equal %w[a b c], [kind.parse("a"), kind.parse(:b), kind.parse(Struct.new(:to_path) { def to_s = to_path }.new("c"))]
    ["", "  ", nil, 5, "a\0b", true].each { |raw| assert_refused(kind, raw) }
  end

  private

  def assert_refused(kind, raw)
    error = assert_raises(Kinds::Invalid, raw.inspect) { kind.parse(raw) }
    assert_includes error.message, raw.inspect
    error.message
  end
end
