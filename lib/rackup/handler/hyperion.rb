# frozen_string_literal: true

require "rackup/handler"
require "hyperion/handler"

module Rackup
  module Handler
    # `rackup -s hyperion` with rackup 2.
    module Hyperion
      extend ::Hyperion::Handler
    end

    register :hyperion, Hyperion
  end
end
