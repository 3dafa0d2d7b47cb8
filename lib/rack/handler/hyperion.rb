# frozen_string_literal: true

require "rack/handler"
require "hyperion/handler"

module Rack
  module Handler
    # `rackup -s hyperion` with Rack 2.
    module Hyperion
      extend ::Hyperion::Handler
    end

    register :hyperion, Hyperion
  end
end
