# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/configuration"

# Each line of docs/coming-from-puma.md is run.
class ComingFromPumaTest < UnitCase
  TEXT = File.read(File.expand_path("../../../../docs/coming-from-puma.md", __dir__))
  ROWS = TEXT.scan(/^\| `(.+)` \| `(.+)` \|$/).map { |row| row.map { |line| line.gsub("\\|", "|") } }

  def test_there_are_rows = assert_operator(ROWS.size, :>, 15)

  ROWS.each do |puma, hyperion|
    define_method("test_#{puma[/\w+/]}_#{puma.sum}") do
      loaded = load(hyperion)
      assert_empty loaded.layer.problems
      next if puma == hyperion

      problems = load(puma).layer.problems
      assert_match(/\b#{hyperion[/\w+/]}\b/, problems.first) unless problems.empty? # What is understood needs no hint.
      assert_equal loaded.layer.settings.transform_values(&:value), load(puma).layer.settings.transform_values(&:value) if problems.empty? && !puma.include?("unix")
    end
  end

  def test_what_is_left_out_is_explained
    names = TEXT[/^These have no counterpart.*$/].scan(/`(\w+)`/).flatten
    assert_operator names.size, :>, 8
    names.each { |name| assert_match(/nothing of that kind is needed/, load("#{name} 1\n").layer.problems.first) }
  end

  def test_variables_are_read
    names = TEXT[/^`PORT`.*$/].scan(/`([A-Z_]+)`/).flatten
    known = Hyperion::Options::ALL.flat_map(&:variables)
    assert_empty names - known
  end

  private

  def load(text) = Hyperion::DSL.load(file("conf.rb", "#{text}\n"))
end
