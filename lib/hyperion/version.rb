# frozen_string_literal: true

module Hyperion
  VERSION = "3.0.0"
end
