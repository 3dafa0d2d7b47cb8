# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/log_format"

class LogFormatTest < UnitCase
  KIND = Hyperion::LogFormat.new

  def test_names
    assert_equal %i[auto text json terminal], ["auto", :text, "json", "terminal"].map { |raw| KIND.parse(raw) }
  end

  def test_patterns_stay_as_they_are
    ["%{method} %{path} %{status}", "100%% %{header.User-Agent}\t%{extra.user_id}", "ü %{ts_clf}"].each do |pattern|
      assert_equal pattern, KIND.parse(pattern)
    end
    Hyperion::LogFormat::FIELDS.each { |field| assert_equal "%{#{field}}", KIND.parse("%{#{field}}") }
  end

  def test_an_unknown_field_is_named_with_what_was_meant
    assert_includes refusal("%{method} %{stauts}"), "shows %{stauts}, which is no field; did you mean status?"
    ["%{}", "%{header.}", "%{extra.}", "%{pa%%th}", "%{ status}", "%{header.X-Hyperion-Admin-Token}"].each { |pattern| assert_includes refusal(pattern), "is no field" }
  end

  def test_what_is_no_pattern
    ["%", "%h %m", "%{path", "100% %{path}", "%%%"].each { |pattern| assert_includes refusal(pattern), "neither %{field} nor %%" }
    ["%%", "100%%"].each { |pattern| assert_includes refusal(pattern), "shows no field" }
    ["%{path}\n", "%{path}\e[0m", "%{path}\xff", "%{path}\0"].each { |pattern| assert_includes refusal(pattern), "is not text of one line" }
  end

  def test_what_is_neither
    ["jsno", "", nil, 5, [:json]].each do |raw|
      assert_includes refusal(raw), "is not one of auto, text, json, terminal or a pattern such as \"%{method} %{path} %{status}\""
    end
  end

  private

  def refusal(raw) = assert_raises(Hyperion::Kinds::Invalid, raw.inspect) { KIND.parse(raw) }.message
end
