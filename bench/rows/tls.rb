# frozen_string_literal: true

module Bench
  # New TLS connections with one request each: what a handshake costs, with and without an earlier
  # session to go on from.
  class Tls < Row
    label "tls"
    about "What does a TLS handshake cost, with and without an earlier session to go on from?"

    # Name, whether the session is resumed, and version.
    CASES = [["TLS 1.3, full", false, "tls1_3"], ["TLS 1.3, resumed", true, "tls1_3"],
             ["TLS 1.2, full", false, "tls1_2"], ["TLS 1.2, resumed", true, "tls1_2"]].freeze

    COLUMNS = [Columns.median("handshakes/s", :rps), Columns.ratio("÷ %<peer>s", :rps), *Columns::COST].freeze

    def app = Native::STATIC

    def cases
      TlsCertificate.make
      CASES.map { |name, *| at(Handshakes::PROCESSES, name: name, tls: true) }
    end

    def servers = %w[hyperion hyperion-io_uring nginx]

    def peer = "nginx"

    def columns = COLUMNS

    def plots = [Plots.rate("Throughput", "handshakes per second"), *Plots::COST]

    def load(kase, port, seconds)
      _, resumed, version = CASES.assoc(kase.name)
      Handshakes.run(port: port, seconds: seconds, resumed: resumed, version: version)
    end
  end
end
