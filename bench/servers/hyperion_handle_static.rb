# frozen_string_literal: true

require "tempfile"
require_relative "hyperion"

module Bench
  # Hyperion that knows the response of the row itself, as a native route.
  class HyperionHandleStatic < Hyperion
    label "hyperion_handle_static"

    def excluded(kase)
      "the response of this row is not fixed" unless kase.app.fixed
    end

    # The app, and the route before it.
    def command(kase, port)
      app = kase.app
      @file = Tempfile.new(["bench-native", ".ru"])
      @file.write("Hyperion::Server.handle_static(:GET, #{app.target.dump}, #{app.body.dump}, content_type: #{app.headers.fetch("content-type").dump})\n" \
                  "run ->(_env) { [404, {}, []] }\n")
      @file.close
      super(kase.dup.tap { |copy| copy.app = app.dup.tap { |route| route.path = @file.path } }, port)
    end
  end
end
