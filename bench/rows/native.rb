# frozen_string_literal: true

module Bench
  # Routes that the server knows itself: a fixed response, which needs no Ruby, and a block.
  class Native < Row
    label "native"
    about "What does a request cost that needs no Ruby, and one that needs no more than a block?"

    STATIC = App.new(path: "#{ROOT}/bench/apps/native.ru", fixed: true, **GREETING).freeze
    BLOCK = App.new(path: STATIC.path, target: "/block", **GREETING).freeze

    def cases
      @settings.connections.flat_map do |connections|
        { "static" => STATIC, "block" => BLOCK }.map do |name, app|
          at(connections, name: "#{name}, #{count(connections)}", app: app)
        end
      end
    end

    def servers = ["hyperion", "hyperion-io_uring", "nginx", *PEERS, "floor-epoll", "floor-io_uring"]

    def app = STATIC
  end
end
