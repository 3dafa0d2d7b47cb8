# frozen_string_literal: true

require_relative "calm"
require_relative "visits/http2"
require_relative "visits/leaving"
require_relative "visits/messages"
require_relative "visits/takeovers"
require_relative "visits/uploads"

module Soak
  # A client that picks what to do next by chance, at a pace.
  class Visitor
    include Messages
    include Uploads
    include Leaving
    include Takeovers
    include Http2

    # How often each kind of visit is paid, among all.
    WEIGHTS = { keep: 14, short: 14, pipeline: 8, half_close: 6, file: 8, error: 4, forking: 3, small_upload: 8, large_upload: 3,
                chunked_upload: 4, slow_upload: 3, leave_upload: 4, leave_head: 3, leave_response: 4, leave_events: 5,
                slow_reader: 4, taken: 4, lines: 4, leave_lines: 3, http2: 2 }.freeze
    KINDS = WEIGHTS.flat_map { |kind, weight| [kind] * weight }.freeze
    SECURE_SHARE = 0.4

    # @param calm [Calm] shared with whoever ends workers
    def initialize(place, ledger, calm, seed)
      @place = place
      @ledger = ledger
      @calm = calm
      @random = Random.new(seed)
    end

    # Pays visits until the block says that it is enough; so many seconds lie between two beginnings, on average.
    def visit(interval)
      until yield
        began = now
        pay
        sleep([@random.rand * 2 * interval - (now - began), 0.01].max)
      end
    end

    private

    def pay
      __send__(KINDS.sample(random: @random))
    rescue Ledger::Over
      nil # It stands in the ledger.
    rescue SystemCallError => e
      @ledger.refuse(e)
    end

    def with_peer(**options)
      peer = open_peer(**options)
      yield peer
    ensure
      peer&.close
    end

    def open_peer(secure: @random.rand < SECURE_SHARE, **options)
      Peer.new(@place, secure: secure, **options).tap do |peer|
        ask("handshake", peer) { |_| peer.shake_hands } if secure
      rescue Ledger::Over
        peer.close
        raise
      end
    end

    def ask(...) = @ledger.ask(...)

    def check(response, id, size)
      expect_status(response)
      check_bytes(response.body, Content.of(id, size))
    end

    def expect_status(response, status = 200)
      return if response.status == status

      text = "status #{response.status}, #{response.body.to_s[0, 200].inspect}"
      raise response.status == 503 && response["retry-after"] ? Ledger::Deferred : Ledger::Wrong, text
    end

    def check_bytes(bytes, expected)
      return if bytes.b == expected.b

      at = (0...[bytes.bytesize, expected.bytesize].min).find { |i| bytes.getbyte(i) != expected.getbyte(i) }
      from = [(at || 0) - 20, 0].max
      raise Ledger::Wrong, "#{bytes.bytesize} bytes instead of #{expected.bytesize}, which differ from byte #{at.inspect} on: " \
                           "#{bytes.byteslice(from, 60).inspect} instead of #{expected.byteslice(from, 60).inspect}"
    end

    def rest(seconds) = sleep(@random.rand * seconds)
    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
