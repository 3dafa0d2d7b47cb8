# frozen_string_literal: true

require "json"

module Bench
  # A small Rails app in production mode: an endpoint that renders JSON, and a page with a layout.
  class RailsRow < Row
    label "rails"
    about "What does the server cost beside a small Rails app, for JSON and for a page?"

    PATH = "#{ROOT}/bench/apps/rails.ru"
    ITEMS = (0...20).map { |index| "Item #{index}" }.freeze
    JSON_BODY = JSON.generate(items: ITEMS.each_with_index.map { |name, id| { id: id, name: name } }).freeze
    PAGE_BODY = "<!DOCTYPE html><html><head><title>Items</title></head><body><h1>Items</h1><ul>" \
                "#{ITEMS.map { |item| "<li>#{item}</li>" }.join}</ul></body></html>"
    JSON_APP = App.new(path: PATH, target: "/json", body: JSON_BODY, headers: { "content-type" => "application/json; charset=utf-8" }).freeze
    PAGE_APP = App.new(path: PATH, target: "/page", body: PAGE_BODY, headers: { "content-type" => "text/html; charset=utf-8" }).freeze

    def app = JSON_APP

    def missing
      "Rails is not installed: apt-get install ruby-railties" if Gem::Specification.find_all_by_name("railties").empty?
    end

    def cases
      @settings.connections.flat_map do |connections|
        { "JSON" => JSON_APP, "page" => PAGE_APP }.map { |name, app| at(connections, name: "#{name}, #{count(connections)}", app: app) }
      end
    end

    # wrk takes a response that ends with its connection for an error.
    def load(...) = generate(...)
  end
end
