# frozen_string_literal: true

require "json"

module Bench
  # An app that does a little: an object of fifty keys as JSON.
  class Json < Row
    label "json"
    about "What does the server cost beside an app that makes JSON of fifty keys?"

    BODY = JSON.generate((0...50).to_h { |index| ["key_#{index}", index.even? ? index : "value #{index}"] }).freeze

    def app
      App.new(path: "#{ROOT}/bench/apps/json.ru", body: BODY,
              headers: { "content-type" => "application/json", "content-length" => BODY.bytesize.to_s })
    end
  end
end
