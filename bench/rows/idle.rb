# frozen_string_literal: true

require "socket"

module Bench
  # What keep-alive connections cost in memory that were used once and then rest.
  class Idle < Row
    label "idle"
    about "What does a keep-alive connection that rests cost in memory?"

    CONNECTIONS = 10_000
    CONNECT_S = 5
    REQUEST = "GET / HTTP/1.1\r\nHost: #{Server::HOST}\r\n\r\n"

    COLUMNS = [
      Columns.median("MiB before", :before_kib, 1, Columns::KIB_PER_MIB),
      Columns.median("MiB with them", :memory_kib, 1, Columns::KIB_PER_MIB),
      Columns.median("MiB of them", :held_kib, 1, Columns::KIB_PER_MIB),
      Columns.median("KiB each", :each_kib, 2), *Columns::COST
    ].freeze

    PLOTS = [
      Plots::Bars.new("Memory with the connections", "MiB", { "before" => :before_kib, "of them" => :held_kib },
        total: :memory_kib, divisor: Columns::KIB_PER_MIB, digits: 1),
      Plots::Bars.new("Each connection", "KiB", { "each" => :each_kib }, digits: 2)
    ].freeze

    # Those that keep no connection, or a limited number, have nothing to say here.
    def servers = %w[hyperion hyperion-io_uring nginx puma thin]

    def cases = [at(CONNECTIONS)]

    def columns = COLUMNS

    def plots = PLOTS

    def measure(kase, process)
      load(at(1), process.port, WARM_UP_S)
      meter = Meter.new(process.tree)
      before_kib = meter.read[:memory_kib]
      clients = hold(kase.connections, process.port)
      held = meter.read
      held_kib = held[:memory_kib] - before_kib
      { requests: clients.size, seconds: 0.0, errors: 0, before_kib: before_kib, held_kib: held_kib,
        each_kib: held_kib.fdiv(clients.size), **held }
    ensure
      clients&.each(&:close)
    end

    private

    # @return [Array<Socket>] each has had one answer
    def hold(count, port)
      Process.setrlimit(:NOFILE, Process.getrlimit(:NOFILE).last)
      clients = Array.new(count) { Socket.tcp(Server::HOST, port, connect_timeout: CONNECT_S) }
      clients.each { |client| client.write(REQUEST) }
      clients.each do |client|
        line = client.wait_readable(SmokeTest::TIMEOUT_S) && client.readpartial(4096)
        raise Failure, "a connection was not answered: #{line.inspect}" unless line&.start_with?("HTTP/1.1 200")
      end
    rescue SystemCallError, EOFError => error
      clients&.each(&:close)
      raise Failure, "#{count} connections: #{error.message}"
    end
  end
end
