# frozen_string_literal: true

module Hyperion
  # Response headers that are known at registration: checked once, so that nothing is left to go wrong
  # when they are sent.
  module RouteHeaders
    TOKEN = /\A[!#$%&'*+\-.^_`|~0-9A-Za-z]+\z/
    PADDING = /\A[ \t]+|[ \t]+\z/n
    CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/n

    # @param headers [Hash{String, Symbol=>String, Symbol, Integer, Array}] an Array is one header for each element
    # @param decided [Array<String>] names, in lower case, about which the server decides for each response
    # @return [Array<Array(String, String)>] names in lower case
    # @raise [ArgumentError] naming the header that cannot be sent
    def self.parse(headers, decided)
      raise ArgumentError, "headers: #{headers.inspect} is not a Hash of names and values" unless headers.is_a?(Hash)

      headers.flat_map do |name, value|
        name = parse_name(name)
        raise ArgumentError, "headers: the server decides about #{name}; leave it out" if decided.include?(name)

        Array(value.nil? ? [nil] : value).map { |one| [name, parse_value(name, one)].freeze }
      end.freeze
    end

    def self.parse_name(name)
      known = name.is_a?(String) || name.is_a?(Symbol)
      raise ArgumentError, "headers: #{name.inspect} is not the name of a header; give a String such as \"cache-control\"" unless known && name.to_s.b.match?(TOKEN)

      name.to_s.downcase.freeze
    end

    def self.parse_value(name, value)
      case value
      when String, Symbol, Integer then text = value.to_s.b.gsub(PADDING, "").freeze
      else raise ArgumentError, "headers: the value of #{name} is not a String but #{value.inspect}"
      end
      raise ArgumentError, "headers: the value of #{name} has a control character; an Array makes several headers" if text.match?(CONTROL)

      text
    end

    private_class_method :parse_name, :parse_value
  end
end
