# frozen_string_literal: true

module Bench
  # One question of the bench: an app, the cases it is asked in, the load, and the table that answers.
  # A row is a file in bench/rows with one subclass.
  class Row
    extend Registry

    WARM_UP_S = 1

    # One setting that the row is measured in; each gets a cell of every server.
    Case = Struct.new(:name, :connections, :rate, :log, :app, :close, :tls, keyword_init: true)

    # What an app must answer before it is timed, and where it is asked.
    App = Struct.new(:path, :body, :headers, :target, keyword_init: true) do
      def initialize(target: "/", **rest) = super
    end
    GREETING = { body: "Hello, World!", headers: { "content-type" => "text/plain", "content-length" => "13" } }.freeze
    HELLO = App.new(path: "#{ROOT}/bench/apps/hello.ru", **GREETING).freeze

    def initialize(settings)
      @settings = settings
    end

    def label = self.class.label

    # @return [App]
    def app = HELLO

    # @return [Array<Case>]
    def cases = @settings.connections.map { |count| at(count) }

    # @return [Array<String>] labels of the servers that are asked, unless others are named
    def servers = %w[hyperion hyperion-io_uring hyperion-w2 puma]

    # @return [String] label of the server that the others are compared with
    def peer = "puma"

    # @return [Integer] runs of each cell
    def runs = @settings.runs

    # @return [Integer] length of a run
    def seconds = @settings.seconds || Settings::SECONDS

    # One run on a server that has answered rightly: warms it up, loads it and reads what that cost.
    # @param process [ServerProcess]
    # @return [Hash{Symbol=>Object}]
    def measure(kase, process)
      load(kase, process.port, WARM_UP_S)
      meter = Meter.new(process.pid)
      { **load(kase, process.port, seconds), **meter.read }
    end

    # Asks the server once whether it answers rightly.
    # @raise [Failure]
    def try(kase, port) = SmokeTest.new(kase.app, tls: kase.tls).run(port)

    # Loads the server once.
    # @return [Hash{Symbol=>Object}] requests, seconds, errors and what the generator tells besides
    def load(kase, port, seconds)
      Wrk.run(port: port, connections: kase.connections, seconds: seconds, target: kase.app.target)
    end

    # @return [Array<Column>]
    def columns = Columns::CLOSED_LOOP

    # Sentences that go below the table.
    # @param cells [Array<Cell>] all of this row
    def verdicts(_cells) = []

    # Pictures of the whole row.
    # @param cells [Array<Cell>] all of this row
    # @return [Hash{String=>String}] SVG by the name of its file
    def plots(_cells) = {}

    private

    def at(connections, name: count(connections), rate: 0, log: false, app: self.app, close: false, tls: false)
      Case.new(name: name, connections: connections, rate: rate, log: log, app: app, close: close, tls: tls)
    end

    def count(connections) = connections == 1 ? "1 connection" : "#{connections} connections"
  end
end
