# frozen_string_literal: true

require "logger"
require "rails"
require "action_controller/railtie"
require "action_cable/engine"

# Action Cable as Rails ships it: its own event loop, on the sockets that `rack.hijack` gives.
class Chat < Rails::Application
  config.root = __dir__
  config.load_defaults(Rails::VERSION::STRING.to_f)
  config.eager_load = true
  config.secret_key_base = "c" * 64
  config.hosts.clear
  config.logger = Logger.new(IO::NULL)
  config.active_support.deprecation = :silence
  config.action_cable.disable_request_forgery_protection = true
  config.action_cable.mount_path = "/cable"
  routes.append { get "up", to: ->(_env) { [200, { "content-type" => "text/plain" }, ["up"]] } }
end

module ApplicationCable
  class Connection < ActionCable::Connection::Base; end
  class Channel < ActionCable::Channel::Base; end
end

class RoomChannel < ApplicationCable::Channel
  def subscribed = stream_from("room")
  def speak(data) = ActionCable.server.broadcast("room", { "text" => data["text"] })
end

Chat.initialize!
ActionCable.server.config.cable = { "adapter" => "async" }
run Rails.application
