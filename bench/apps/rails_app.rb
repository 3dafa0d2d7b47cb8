# frozen_string_literal: true

require "fileutils"
require "logger"
require "tmpdir"
require "action_controller/railtie"
require "action_view/railtie"

# A Rails app in one file, once in a process however many threads of a server ask for it: /json renders an object, /page a list in a layout.
FOLDER = Dir.mktmpdir("bench-rails")
{ "layouts/application" => "<!DOCTYPE html><html><head><title><%= @title %></title></head><body><%= yield %></body></html>",
  "pages/page" => "<h1><%= @title %></h1><ul><% @items.each do |item| %><li><%= item %></li><% end %></ul>" }.each do |name, text|
  path = "#{FOLDER}/app/views/#{name}.html.erb"
  FileUtils.mkdir_p(File.dirname(path))
  File.write(path, text)
end

class BenchApp < Rails::Application
  config.load_defaults Rails.gem_version.segments.first(2).join(".")
  config.root = FOLDER
  config.eager_load = true
  config.secret_key_base = "x" * 64
  config.logger = Logger.new(nil)
  config.hosts.clear
end

class PagesController < ActionController::Base
  layout "application"
  prepend_view_path "#{FOLDER}/app/views"

  def json = render(json: { items: Array.new(20) { |index| { id: index, name: "Item #{index}" } } })

  def page
    @title = "Items"
    @items = Array.new(20) { |index| "Item #{index}" }
  end
end

BenchApp.initialize!
BenchApp.routes.draw do
  get "/json", to: "pages#json"
  get "/page", to: "pages#page"
end

pid = Process.pid
at_exit { FileUtils.rm_rf(FOLDER) if Process.pid == pid }
