# frozen_string_literal: true

module Soak
  # Ordinary requests, and how connections are used for them.
  module Messages
    PIPELINED = 5
    SIZES = [0, 1, 700, 20_000, 200_000].freeze
    # A target, and what the app notes about each such request.
    READ = { "/plain" => nil, "/finished" => "finished", "/each" => "closed", "/stream" => "closed" }.freeze

    # Several requests on one connection, with rests between them.
    def keep
      peer = nil
      @random.rand(3..8).times do
        peer&.close if peer&.ended?
        peer = open_peer if peer.nil? || peer.client.socket.closed?
        read_one(peer, "keep")
        rest(0.3)
      end
    ensure
      peer&.close
    end

    def short
      with_peer { |peer| read_one(peer, "short", "connection" => "close") }
    end

    # All are written before the first is read. Where an answer says close, those behind it are not meant to come.
    def pipeline
      with_peer do |peer|
        ask("pipeline", peer) do |id|
          ids = Array.new(PIPELINED) { |i| id * 10 + i }
          peer.client.write(ids.map { |one| "GET /plain?#{one}.300 HTTP/1.1\r\nHost: a\r\n\r\n" }.join)
          ids.each do |one|
            response = peer.client.response
            check(response, one, 300)
            break if response.close?
          end
        end
      end
    end

    # Says that it sends no more, as programs with pipes do.
    def half_close
      with_peer(secure: false) do |peer|
        ask("half-close", peer) do |id|
          peer.client.request("GET", "/plain?#{id}.5000").close_write
          check(peer.client.response, id, 5000)
        end
      end
    end

    def file
      with_peer do |peer|
        name = %w[small large].sample(random: @random)
        ask("file", peer) do |id|
          expect_status(response = peer.client.get("/#{name}?#{id}"))
          check_bytes(response.body, File.binread(File.join(@place.folder, name)))
        end
      end
    end

    def error
      with_peer do |peer|
        ask("error", peer) do |id|
          response = peer.client.get("/raise?#{id}")
          raise Ledger::Wrong, "status #{response.status}" unless response.status == 500
          raise Ledger::Wrong, "the app's secret is out" if response.body.include?("secret")
        end
      end
    end

    def forking
      with_peer { |peer| ask("fork", peer) { |id| check(peer.client.get("/fork?#{id}.900"), id, 900) } }
    end

    private

    def read_one(peer, kind, **headers)
      target, notes = READ.to_a.sample(random: @random)
      size = SIZES.sample(random: @random)
      ask(kind, peer, notes: notes) do |id|
        response = peer.client.get("#{target}?#{id}.#{size}", **headers)
        check(response, id, size)
        expect_end(peer) if response.close?
      end
    end

    def expect_end(peer)
      raise Ledger::Wrong, "bytes behind the last answer" unless peer.client.read_to_end.empty?

      peer.close
    end
  end
end
