# frozen_string_literal: true

module Soak
  # Bodies of requests: each comes back as it was sent. Those above 64 KiB go through a file of the server.
  module Uploads
    SMALL = [1, 500, 30_000].freeze
    LARGE = [100_000, 400_000, 1_500_000].freeze
    CHUNK_BYTES = 9000

    def small_upload = upload("small upload", SMALL)
    def large_upload = upload("large upload", LARGE)

    def chunked_upload
      with_peer do |peer|
        size = (SMALL + LARGE).sample(random: @random)
        ask("chunked upload", peer) do |id|
          peer.client.write("POST /echo?#{id} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
          each_chunk(Content.of(id, size)) { |chunk| peer.client.write(chunk) }
          check(peer.client.write("0\r\n\r\n").response, id, size)
        end
      end
    end

    # In pieces with rests, by a client that asks first whether it may.
    def slow_upload
      with_peer do |peer|
        ask("slow upload", peer) do |id|
          peer.client.write("POST /echo?#{id} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 90000\r\n\r\n")
          raise Ledger::Wrong, "no 100" unless peer.client.response_head.status == 100

          each_part(Content.of(id, 90_000), 30_000) { |part| peer.client.write(part) && rest(0.3) }
          check(peer.client.response, id, 90_000)
        end
      end
    end

    private

    def upload(kind, sizes)
      with_peer do |peer|
        size = sizes.sample(random: @random)
        ask(kind, peer) { |id| check(peer.client.post("/echo?#{id}", Content.of(id, size)), id, size) }
      end
    end

    def each_chunk(bytes)
      each_part(bytes, CHUNK_BYTES) { |part| yield "#{part.bytesize.to_s(16)}\r\n#{part}\r\n" }
    end

    def each_part(bytes, size)
      (0...bytes.bytesize).step(size) { |from| yield bytes.byteslice(from, size) }
    end
  end
end
