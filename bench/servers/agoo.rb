# frozen_string_literal: true

require "tempfile"

module Bench
  # Agoo, one process. For a rackup file its program gives every app one thread, whatever -t says, so that it
  # loads a file of the bench, which asks for threads as Agoo's own documents do.
  class Agoo < Peer
    label "agoo"

    QUIET = { INFO: false, DEBUG: false, connect: false, request: false, response: false, eval: false, push: false }.freeze

    private

    def arguments(kase, port)
      @file = Tempfile.new(["bench-agoo", ".rb"])
      @file.write(script(kase.app.path, port))
      @file.close
      ["-s", @file.path]
    end

    def script(path, port) = <<~RUBY
      require "rack"
      app, = Rack::Builder.parse_file(#{path.inspect})
      Agoo::Log.configure(dir: "", console: true, classic: true, colorize: false, states: #{QUIET.inspect})
      Agoo::Server.init(0, "./public", bind: ["http://#{HOST}:#{port}"], thread_count: #{threads}, worker_count: 1)
      Agoo::Server.handle(nil, "**", app)
      Agoo::Server.start
    RUBY
  end
end
