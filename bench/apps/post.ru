# frozen_string_literal: true

require "rack"

# Parses a form and answers with one of its values.
run lambda { |env|
  body = Rack::Request.new(env).POST.fetch("name")
  [200, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }, [body]]
}
