# frozen_string_literal: true

require "logger"
require "rails"
require "action_controller/railtie"
require "digest"

# The smallest Rails application that still has sessions, cookies, uploads, streams and error pages.
class Journal < Rails::Application
  config.root = File.expand_path("..", __dir__)
  config.load_defaults(Rails::VERSION::STRING.to_f)
  config.eager_load = true
  config.consider_all_requests_local = false
  config.secret_key_base = "b" * 64
  config.hosts.clear
  config.session_store :cookie_store, key: "_journal"
  config.logger = Logger.new($stdout)
  config.log_level = :warn
  config.active_support.deprecation = :silence
  config.action_dispatch.show_exceptions = Rails.gem_version >= Gem::Version.new("7.1") ? :all : true

  routes.append do
    root to: "pages#home"
    get "page/:name", to: "pages#page"
    %w[data visits cookie moved landed boom file lines release hints].each { |action| get action, to: "pages##{action}" }
    get "live", to: "live#show"
    post "upload", to: "pages#upload"
    post "form", to: "pages#form"
    match "echo", to: "pages#echo", via: %i[put patch delete]
  end
end
