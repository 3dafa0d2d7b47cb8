# frozen_string_literal: true

module Bench
  # The least app: what is left is the server.
  class Hello < Row
    label "hello"

    def servers = super + %w[floor-epoll floor-ruby]
  end
end
