# frozen_string_literal: true

require "json"
require "websocket/driver"

module HyperionTest
  # A client of Action Cable over a RawClient.
  class CableClient
    IDENTIFIER = JSON.generate(channel: "RoomChannel")
    READ_S = 5

    attr_reader :url

    def initialize(client, url)
      @client = client
      @url = url
      @messages = []
      @driver = WebSocket::Driver.client(self, protocols: ["actioncable-v1-json"])
      @driver.on(:message) { |event| @messages << JSON.parse(event.data) }
      @driver.start
    end

    # What the driver wants sent.
    def write(bytes) = @client.write(bytes)

    def subscribe = await("confirm_subscription") { command("subscribe") }
    def speak(text) = command("message", data: JSON.generate(action: "speak", text: text))

    # The text of the next broadcast.
    def hear = next_message { |message| message.dig("message", "text") }

    private

    def await(type)
      next_message { |message| message["type"] == "welcome" }
      yield
      next_message { |message| message["type"] == type }
    end

    def command(name, **rest) = @driver.text(JSON.generate({ command: name, identifier: IDENTIFIER }.merge(rest)))

    # What the block makes of the first message for which it makes anything.
    def next_message
      loop do
        while (message = @messages.shift)
          seen = yield(message)
          return seen if seen
        end
        @driver.parse(@client.read_some(timeout: READ_S))
      end
    end
  end
end
