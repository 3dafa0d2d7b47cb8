# frozen_string_literal: true

require "uri"

module Bench
  # A form of 200 bytes that the app parses.
  class Post < Row
    label "post"
    about "What does a form of 200 bytes cost, which the app parses?"

    NAME = "Ada Lovelace"
    FORM = URI.encode_www_form(name: NAME, email: "ada@example.com", text: "x" * 200).byteslice(0, 200).freeze

    def app
      App.new(path: "#{ROOT}/bench/apps/post.ru", post: FORM, body: NAME,
              headers: { "content-type" => "text/plain", "content-length" => NAME.bytesize.to_s })
    end

    def load(...) = generate(...)
  end
end
