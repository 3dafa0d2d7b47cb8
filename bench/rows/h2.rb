# frozen_string_literal: true

module Bench
  # HTTP/2 over TLS: the least app, and a route that the server knows itself. nginx gives a fixed
  # response in both.
  class H2 < Row
    label "h2"
    about "What does a request cost over HTTP/2 and TLS, by the least app and by a native route?"

    STREAMS = 50

    def cases
      TlsCertificate.make
      { "app" => HELLO, "native route" => Native::STATIC }.map do |name, app|
        at(H2load::CLIENTS, name: "#{name}, #{H2load::CLIENTS} × #{STREAMS} streams", app: app, tls: true)
      end
    end

    def servers = %w[hyperion hyperion-io_uring nginx]

    def peer = "nginx"

    def load(kase, port, seconds)
      H2load.run(port: port, seconds: seconds, streams: STREAMS, tls: kase.tls, target: kase.app.target)
    end
  end
end
