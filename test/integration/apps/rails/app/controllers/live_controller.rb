# frozen_string_literal: true

# Streaming by ActionController::Live needs a controller of its own, as every action of it runs in a thread.
class LiveController < ActionController::Base
  include ActionController::Live

  def show
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["Last-Modified"] = Time.now.httpdate
    response.stream.write("data: first\n\n")
    PagesController::RELEASE.pop
    response.stream.write("data: second\n\n")
  ensure
    response.stream.close
  end
end
