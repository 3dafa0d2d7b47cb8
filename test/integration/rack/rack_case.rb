# frozen_string_literal: true

require "support/integration"
require "rack"

module HyperionTest
  # A test case whose server runs one of the apps beside this file.
  class RackCase < IntegrationCase
    RACK3 = Rack.release >= "3"

    def self.app(name) = "test/integration/rack/apps/#{name}.ru"

    # The marshalled object that some of the apps answer with; only ever read from our own server.
    def unmarshal(response)
      assert_equal 200, response.status, response.body[0, 500]
      Marshal.load(response.body)
    end
  end
end
