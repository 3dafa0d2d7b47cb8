# frozen_string_literal: true

require_relative "kinds"

module Hyperion
  # What may stand behind an ssl:// address: `?cert=PATH&key=PATH&client_ca=PATH&client_auth=required`.
  # A certificate and its key may come several times; a byte may be written as %2C.
  module BindParameters
    NAMES = %i[cert key client_ca client_auth].freeze
    REPEATED = %i[cert key].freeze
    CLIENT_AUTH = %w[none optional required].freeze
    SPECIAL = /[%&,+\s]/

    class << self
      # @param text [String] the whole address, for messages
      # @param query [String] behind the question mark
      # @return [Hash{Symbol=>Array<String>}]
      # @raise [Kinds::Invalid]
      def parse(text, query)
        pairs = query.split("&").map { |pair| pair.split("=", 2) }
        found = pairs.group_by(&:first).to_h { |name, values| [name.to_s.to_sym, values.map { |_, value| unescape(value.to_s) }] }
        wrong = unknown(found) || odd(found)
        raise Kinds::Invalid, "#{text.inspect}: #{wrong}" if wrong

        found
      end

      # @return [String] what `parse` reads, with its question mark; empty where there is nothing
      def show(parameters)
        pairs = parameters.flat_map { |name, values| values.map { |value| "#{name}=#{escape(value)}" } }
        pairs.empty? ? "" : "?#{pairs.join("&")}"
      end

      private

      def unknown(found)
        strange = (found.keys - NAMES).first
        return "#{strange}= is none of #{NAMES.map { |name| "#{name}=" }.join(", ")}" if strange

        empty = found.find { |_, values| values.any? { |value| value.strip.empty? || value.include?("\0") } }
        "#{empty.first}= has no value" if empty
      end

      def odd(found)
        twice = found.find { |name, values| values.size > 1 && !REPEATED.include?(name) }
        return "#{twice.first}= stands there twice" if twice
        return "each cert=PATH needs a key=PATH" unless found[:cert].to_a.size == found[:key].to_a.size

        auth = found[:client_auth]&.first
        "client_auth=#{auth} is none of #{CLIENT_AUTH.join(", ")}" unless auth.nil? || CLIENT_AUTH.include?(auth)
      end

      def unescape(text) = text.b.gsub(/%(\h\h)/) { Regexp.last_match(1).hex.chr }.force_encoding(Encoding::UTF_8)
      def escape(text) = text.gsub(SPECIAL) { |char| format("%%%02X", char.ord) }
    end
  end
end
