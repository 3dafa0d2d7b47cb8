# frozen_string_literal: true

require_relative "kinds"
require_relative "suggestion"

module Hyperion
  # The shape of log lines: one of a few names, or a pattern of fields for access lines such as
  # `%{method} %{path} %{status}`.
  class LogFormat < Kinds::Kind
    NAMES = %w[auto text json terminal].freeze

    # What a pattern may show, beside `header.NAME` and `extra.NAME`.
    FIELDS = %w[ts ts_clf level source message method target path query status duration_ms queue_ms bytes remote_addr
                http_version].freeze

    # The token of the admin routes is in no log.
    NAMED = /\A(?:header\.(?!(?i:x-hyperion-admin-token)\z)|extra\.)./

    def initialize = super(metavar: "auto|text|json|terminal|PATTERN", rbs: ":auto | :text | :json | :terminal | String")

    def range_phrase = "one of #{NAMES.join(", ")} or a pattern such as \"%{method} %{path} %{status}\""

    private

    def convert(raw)
      text = raw.is_a?(Symbol) || raw.is_a?(String) ? raw.to_s : ""
      return text.to_sym if NAMES.include?(text)
      return unless text.include?("%")

      check(text)
      text
    end

    def check(pattern)
      refuse(pattern, "is not text of one line") if !pattern.valid_encoding? || pattern.match?(/(?!\t)[[:cntrl:]]/)
      parts = pattern.scan(/%(%|\{[^}]*\})?/).flatten
      refuse(pattern, "holds a % that begins neither %{field} nor %%") if parts.include?(nil)
      names = (parts - ["%"]).map { |part| part[1..-2] }
      refuse(pattern, "shows no field") if names.empty?
      wrong = names.find { |name| !FIELDS.include?(name) && !name.match?(NAMED) }
      refuse(pattern, "shows %{#{wrong}}, which is no field#{Suggestion.for(wrong, FIELDS)}") if wrong
    end

    def refuse(pattern, why) = raise(Kinds::Invalid, "#{pattern.inspect} #{why}")
  end
end
