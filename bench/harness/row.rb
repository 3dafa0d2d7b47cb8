# frozen_string_literal: true

module Bench
  # One question of the bench: an app, the cases it is asked in, the load, and the table that answers.
  # A row is a file in bench/rows with one subclass.
  class Row
    extend Registry

    WARM_UP_S = 1

    # Servers of others that run Rack apps.
    PEERS = %w[puma falcon agoo iodine itsi kino raptor unicorn pitchfork thin passenger].freeze

    # One setting that the row is measured in; each gets a cell of every server.
    Case = Struct.new(:name, :connections, :rate, :log, :app, :close, :tls, keyword_init: true)

    # An app, what it is asked, and what it must answer before it is timed. `post` is the body of a
    # request that has one, which comes in pieces of `chunk` bytes where that is set; `fixed` says that the
    # answer is always the same, so that a server may know it by itself.
    App = Struct.new(:path, :body, :headers, :target, :post, :chunk, :fixed, keyword_init: true) do
      def initialize(target: "/", **rest) = super

      # @return [Hash{Symbol=>Object}] as the load generator takes it
      def ask
        headers = post ? { "content-type" => chunk ? "application/octet-stream" : "application/x-www-form-urlencoded" } : {}
        { target: target, method: post ? "POST" : "GET", headers: headers, body: post, chunk: chunk }.compact
      end
    end
    GREETING = { body: "Hello, World!", headers: { "content-type" => "text/plain", "content-length" => "13" } }.freeze
    HELLO = App.new(path: "#{ROOT}/bench/apps/hello.ru", fixed: true, **GREETING).freeze

    def initialize(settings)
      @settings = settings
    end

    # Sets the question that the row answers, in a sentence, or tells it.
    def self.about(text = nil)
      text ? @about = text : @about
    end

    def label = self.class.label

    def about = self.class.about

    # @return [App]
    def app = HELLO

    # @return [Array<Case>]
    def cases = @settings.connections.map { |count| at(count) }

    # @return [Array<String>] labels of the servers that are asked, unless others are named
    def servers = ["hyperion", "hyperion-io_uring", "hyperion-processes", *PEERS]

    # @return [String, nil] why it cannot be measured here
    def missing = nil

    # Begins and ends what all its runs share.
    def prepare = nil
    def conclude = nil

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
      meter = Meter.new(process.tree)
      { **load(kase, process.port, seconds), **meter.read }
    end

    # Asks the server once whether it answers rightly.
    # @raise [Failure]
    def try(kase, port, closes: false) = SmokeTest.new(kase.app, tls: kase.tls, closes: closes).run(port)

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

    # What is drawn for each case, as far as its runs have such numbers.
    # @return [Array<Plots::Plot>]
    def plots = Plots::STANDARD

    private

    # Loads the server by the bench's own generator, at the rate of the case, with what its app is asked.
    # @return [Hash{Symbol=>Object}] as of LoadGenerator.run
    def generate(kase, port, seconds, requests: [kase.app.ask], per_connection: nil)
      LoadGenerator.run(port: port, connections: kase.connections, seconds: seconds, rate: kase.rate, requests: requests, per_connection: per_connection)
    end

    def at(connections, name: count(connections), rate: 0, log: false, app: self.app, close: false, tls: false)
      Case.new(name: name, connections: connections, rate: rate, log: log, app: app, close: close, tls: tls)
    end

    def count(connections) = connections == 1 ? "1 connection" : "#{connections} connections"
  end
end
