# frozen_string_literal: true

module Soak
  # Clients that leave in the middle, by a close or a reset, and those that take their time. What came
  # before they left is checked, and that the app was told.
  module Leaving
    LARGE_BYTES = 1_500_000
    SLOW_BYTES = 400_000

    # In the middle of its own body; the app is never called.
    def leave_upload
      with_peer do |peer|
        ask("left upload", peer) do |id|
          peer.client.write("POST /echo?#{id} HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n#{"x" * @random.rand(0..200_000)}")
          rest(0.2)
          leave(peer)
        end
      end
    end

    def leave_head
      with_peer do |peer|
        ask("left head", peer) do |id|
          peer.client.write("GET /plain?#{id} HTTP/1.1\r\nHo")
          rest(0.2)
          leave(peer)
        end
      end
    end

    def leave_response
      with_peer do |peer|
        target = %w[/each /stream].sample(random: @random)
        ask("left response", peer, notes: "closed") do |id|
          peer.client.request("GET", "#{target}?#{id}.#{LARGE_BYTES}")
          expect_status(peer.client.response_head)
          peer.client.read_some
          leave(peer)
        end
      end
    end

    # Events never end by themselves while somebody listens.
    def leave_events
      with_peer do |peer|
        ask("left events", peer, notes: "closed") do |id|
          peer.client.request("GET", "/events?#{id}")
          expect_status(peer.client.response_head)
          received = +""
          received << peer.client.read_some until received.scan("data: #{id}\n\n").size > 3
          leave(peer)
        end
      end
    end

    def slow_reader
      with_peer(secure: false, receive_buffer: 8192) do |peer|
        target = %w[/plain /stream /each].sample(random: @random)
        ask("slow reader", peer, notes: target == "/plain" ? nil : "closed") do |id|
          peer.client.request("GET", "#{target}?#{id}.#{SLOW_BYTES}")
          rest(3)
          check(peer.client.response, id, SLOW_BYTES)
        end
      end
    end

    private

    def leave(peer) = @random.rand(2).zero? ? peer.abort : peer.close
  end
end
