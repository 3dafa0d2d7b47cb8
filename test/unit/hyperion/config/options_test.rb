# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/help"
require "hyperion/config/options"

class OptionsTest < UnitCase
  ALL = Hyperion::Options::ALL

  def test_names_flags_letters_and_variables_are_unambiguous
    [ALL.flat_map(&:names), ALL.flat_map(&:flags), ALL.filter_map(&:letter), ALL.flat_map(&:variables)].each do |names|
      assert_empty names.tally.select { |_, count| count > 1 }
    end
  end

  def test_each_default_is_a_value_of_its_kind
    ALL.reject { |option| option.default.nil? }.each { |option| assert option.kind.parse(option.default) || option.kind.switch?, option.name }
  end

  def test_each_has_a_topic_and_a_sentence
    ALL.each do |option|
      assert_includes Hyperion::Options::TOPICS.keys, option.topic
      assert option.doc.end_with?("."), option.name
    end
  end

  def test_an_alias_finds_its_option
    assert_equal %i[threads pid_file], %i[thread_count pidfile].map { |name| Hyperion::Options.find(name).name }
    assert_nil Hyperion::Options.find(:nonsense)
  end

  def test_help_names_each_option
    text = Hyperion::Help.text
    ALL.each { |option| assert_includes text, option.usage }
    assert_operator text.lines.map(&:chomp).map(&:size).max, :<=, 100
  end
end
