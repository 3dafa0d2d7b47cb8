# frozen_string_literal: true

module Soak
  # A client of HTTP/2: requests at once on one connection, an upload, and streams that it resets.
  module Http2
    READS = [["/plain", 300], ["/each", 30_000], ["/stream", 5000], ["/finished", 1], ["/plain", 150_000]].freeze

    # No worker ends meanwhile: whose connection it is, only the program knows that speaks for it.
    def http2
      return unless HyperionTest::H2Client.available?

      @calm.shared do
        secure = @random.rand(2).zero?
        client = HyperionTest::H2Client.new("127.0.0.1", secure ? @place.secure_port : @place.port, ca: secure ? @place.root_path : nil)
        converse(client, secure)
      ensure
        client&.close
      end
    end

    private

    NOBODY = Struct.new(:port, :opened_at).new(0, 0.0).freeze
    private_constant :NOBODY

    def converse(client, secure)
      kind = secure ? "h2 over TLS" : "h2"
      together(client, READS.dup, kind) { rest(0.2) }
      ask("#{kind} upload", NOBODY) { |id| check(client.post("/echo?#{id}", Content.of(id, 100_000)), id, 100_000) }
      ask("#{kind} reset", NOBODY, notes: "closed") do |id|
        events = client.request("GET", "/events?#{id}")
        client.await_body(events, "data: #{id}\n\n")
        client.reset(events)
      end
    end

    # All are open before the first is read.
    def together(client, reads, kind, &between)
      return yield if reads.empty?

      target, size = reads.shift
      ask(kind, NOBODY, notes: Messages::READ[target]) do |id|
        stream = client.request("GET", "#{target}?#{id}.#{size}")
        together(client, reads, kind, &between)
        check(client.response(stream), id, size)
      end
    end
  end
end
