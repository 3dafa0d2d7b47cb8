# frozen_string_literal: true

require "json"

# An object of fifty keys, made for each request.
KEYS = Array.new(50) { |index| "key_#{index}" }.freeze

run lambda { |_env|
  body = JSON.generate(KEYS.each_with_index.to_h { |key, index| [key, index.even? ? index : "value #{index}"] })
  [200, { "content-type" => "application/json", "content-length" => body.bytesize.to_s }, [body]]
}
