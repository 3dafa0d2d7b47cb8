# frozen_string_literal: true

module Soak
  # Requests whose connection the app takes.
  module Takeovers
    def taken
      with_peer { |peer| ask("hijack", peer) { |id| check(peer.client.get("/taken?#{id}.4000"), id, 4000) } }
    end

    # What the app has taken over ends with its worker, which does not wait for it.
    def lines
      @calm.shared do
        with_peer { |peer| ask("upgrade", peer) { |id| talk(peer, id) } }
      end
    end

    def leave_lines
      with_peer do |peer|
        ask("left upgrade", peer) do |id|
          switch(peer, id)
          echo(peer, "the last of #{id}")
          leave(peer)
        end
      end
    end

    private

    def talk(peer, id)
      switch(peer, id)
      @random.rand(1..4).times { |i| echo(peer, "line #{i} of #{id}") || rest(0.5) }
      raise Ledger::Wrong, "no end" unless peer.client.write("bye\n").read_to_end == "goodbye\n"
    end

    def switch(peer, id)
      peer.client.request("GET", "/lines?#{id}", "connection" => "upgrade", "upgrade" => "lines")
      expect_status(peer.client.response_head, 101)
    end

    def echo(peer, line)
      peer.client.write("#{line}\n")
      expected = "echo #{line}\n"
      received = +""
      received << peer.client.read_some until received.bytesize >= expected.bytesize
      raise Ledger::Wrong, "#{received.inspect} instead of #{expected.inspect}" unless received == expected
    end
  end
end
