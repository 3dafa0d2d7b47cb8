# frozen_string_literal: true

module Bench
  # Files of 1 KiB, which a server may keep in memory, and of 1 MiB, which it should not copy.
  class Files < Row
    label "files"
    about "What do files cost, small ones that fit into memory and large ones that should not be copied?"

    NAMES = { "1 KiB" => "1k.txt", "1 MiB" => "1m.txt" }.freeze

    def cases
      Assets.make
      @settings.connections.flat_map do |connections|
        NAMES.map { |name, file| at(connections, name: "#{name}, #{count(connections)}", app: serving(file)) }
      end
    end

    def servers = ["hyperion", "hyperion-io_uring", "nginx", *PEERS]

    def app = serving("1k.txt")

    private

    def serving(file)
      content = Assets.content(file)
      App.new(path: "#{ROOT}/bench/apps/files.ru", target: "/#{file}", body: content,
              headers: { "content-length" => content.bytesize.to_s })
    end
  end
end
