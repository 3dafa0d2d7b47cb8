# frozen_string_literal: true

require_relative "../process/process_case"
require "json"

module HyperionTest
  # A test case about what a server tells of itself.
  class AdminCase < ProcessCase
    TOKEN = "open-sesame"
    KINDS = "test/integration/admin/apps/kinds.ru"
    # The system's Python, for which script/bootstrap --test installs the parsers.
    PYTHON = "/usr/bin/python3"
    # What they make of a scrape: for each family its name, type and samples.
    PARSER = <<~PYTHON
      import json, sys
      from prometheus_client.parser import text_string_to_metric_families as prometheus
      from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
      parse = openmetrics if sys.argv[1] == "openmetrics" else prometheus
      print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]] for f in parse(sys.stdin.read())]))
    PYTHON
    OPENMETRICS = "application/openmetrics-text; version=1.0.0"

    Family = Struct.new(:name, :type, :help, :samples)

    serve KINDS, "--admin-token", TOKEN

    def self.parser?
      return @@parser if defined?(@@parser)

      @@parser = system(PYTHON, "-c", "import prometheus_client.openmetrics.parser", err: File::NULL) || false
    end

    # A page with the token.
    def ask(page, method: "GET", to: server, **headers)
      fetch(method, "/-/#{page}", to: to, "x-hyperion-admin-token" => TOKEN, **headers)
    end

    def stats(to: server) = JSON.parse(ask("stats", to: to).body)

    # The scrape as its readers see it.
    # @return [Hash{String=>Family}]
    def families(format = "prometheus", to: server)
      flunk "there is no prometheus_client for #{PYTHON}; run script/bootstrap --test" unless AdminCase.parser?
      page = ask("metrics", to: to, **(format == "openmetrics" ? { "accept" => OPENMETRICS } : {}))
      out, err, status = Open3.capture3(PYTHON, "-c", PARSER, format, stdin_data: page.body)
      assert status.success?, "#{err}\n#{page.body}"
      JSON.parse(out).to_h { |name, type, help, samples| [name, Family.new(name, type, help, samples)] }
    end

    # The samples of one name: labels and value.
    # @return [Hash{Hash=>Float}]
    def samples(name, to: server)
      all = families(to: to).values.flat_map(&:samples)
      all.filter_map { |sample, labels, value| [labels, value] if sample == name }.to_h
    end

    # The sum of a name's samples with these labels.
    def total(name, to: server, **labels)
      wanted = labels.transform_keys(&:to_s)
      samples(name, to: to).sum { |have, value| have >= wanted ? value : 0 }
    end

    # The same for all names of one scrape, which costs one request.
    def scrape(to: server)
      families(to: to).values.flat_map(&:samples).group_by(&:first)
        .transform_values { |all| all.to_h { |_, labels, value| [labels, value] } }
    end

    # Requests given to whoever answers them, by process.
    # @return [Hash{Integer=>Integer}]
    def dispatched(to: server)
      samples("hyperion_requests_dispatch_total", to: to).to_h { |labels, value| [labels["worker_id"].to_i, value.to_i] }
    end

    # Requests so far, by mode.
    def modes(to: server)
      samples("hyperion_dispatch_mode_total", to: to).group_by { |labels, _| labels["mode"] }
        .transform_values { |counts| counts.sum(&:last) }
    end
  end
end
