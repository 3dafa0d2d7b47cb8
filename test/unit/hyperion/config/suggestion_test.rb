# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/suggestion"

class SuggestionTest < UnitCase
  def test_what_is_near_is_suggested_and_nothing_else
    assert_equal "; did you mean threads?", Hyperion::Suggestion.for(:treads, %i[threads workers])
    assert_equal "", Hyperion::Suggestion.for("websocket", %i[threads workers])
    assert_nil Hyperion::Suggestion.nearest("websocket", %w[threads])
  end
end
