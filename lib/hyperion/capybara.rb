# frozen_string_literal: true

require "capybara"
require_relative "../hyperion"

# Registers `:hyperion` with Capybara: `Capybara.server = :hyperion`, or `Capybara.server = :hyperion, { threads: 3 }`
# with options by their names. Capybara calls this on a thread of its own, whose end nobody awaits.
Capybara.register_server(:hyperion) do |app, port, host, **options|
  Hyperion::Server.new(app: app, bind: host, port: port, log_requests: false, **options).start
  sleep
end
