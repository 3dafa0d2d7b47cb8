# frozen_string_literal: true

require_relative "../../lib/hyperion/config/options"

module Hyperion
  # The files that derive from the table of options. `rake docs` writes them; a test holds them current.
  module OptionDocs
    ROOT = File.expand_path("../..", __dir__)
    FILES = { "docs/configuration.md" => :documentation, "sig/configuration.rbs" => :signatures }.freeze

    PREFACE = <<~TEXT
      # Configuration

      <!-- Written by `rake docs` from lib/hyperion/config/options.rb. -->

      Each option can be set by a command-line flag, an environment variable, or a method in the configuration file. A flag wins over a variable, a variable over the file, the file over the default. `hyperion check` prints the value of each option and where it comes from. If an option is wrong, the server prints an error and does not start.

      A switch has a flag for either side: `--preload`, `--no-preload`. Sizes may be written as `65536`, `64k` or `16MiB`; `k`, `m` and `g` are powers of 1024. Times are seconds. Where a row names two variables, the first one wins. A variable that is empty is not set.

      ## The file

      `config/hyperion.rb`, or the one that `-C` names, is Ruby:

      ```ruby
      threads 3
      workers 2
      graceful_timeout 20

      logging do
        level :info
        format :json
      end

      before_fork { GC.start }
      on_worker_boot { |slot| ENV["WORKER_SLOT"] = slot.to_s }
      on_worker_shutdown { |slot| puts "worker \#{slot} has served its last request" }
      ```

      The blocks `logging`, `admin`, `tls` and `h2` hold the options whose names begin with `log_`, `admin_`, `tls_` and `h2_`, without that beginning. Each hook may be registered several times:

    TEXT

    class << self
      # @param root [String] the repository
      def write(root = ROOT) = FILES.each_key { |path| File.write(File.join(root, path), text(path)) }

      # @param path [String] one of FILES
      # @return [String] what it should hold
      def text(path) = __send__(FILES.fetch(path))

      private

      def documentation
        hooks = Options::HOOKS.map { |name, time| "- `#{name}`: #{time}\n" }.join
        PREFACE + hooks + Options::TOPICS.map { |topic, title| section(topic, title) }.join
      end

      def section(topic, title)
        rows = Options::ALL.select { |option| option.topic == topic }.map { |option| row(option) }
        "\n## #{title}\n\n| Name | Flag | Variables | Default | Meaning |\n|---|---|---|---|---|\n#{rows.join}"
      end

      def row(option)
        cells = [option.name, option.usage, option.variables.map { |name| variable(option, name) }.join(", "), default(option), meaning(option)]
        cells[0..1] = cells[0..1].map { |cell| "`#{cell}`" }
        "| #{cells.map { |cell| cell.to_s.gsub("|", "\\|") }.join(" | ")} |\n"
      end

      def variable(option, name)
        values = option.synonyms[name] or return "`#{name}`"
        "`#{name}` (#{values.map { |from, to| "`#{from}` is `#{to}`" }.join(", ")})"
      end

      def default(option) = option.default.nil? ? "none" : "`#{option.default}`"

      def meaning(option)
        names = option.aliases.map { |name| "`#{name}`" }.join(", ")
        "#{option.doc}#{" Value: #{option.kind.expected}." unless option.kind.switch?}#{" Also named #{names}." unless names.empty?}"
      end

      def signatures
        <<~RBS
          # Written by `rake docs` from lib/hyperion/config/options.rb.
          module Hyperion
            class Configuration
          #{Options::ALL.map { |option| "    def #{option.name}: () -> #{reader(option)}\n" }.join}  end

            class DSL
          #{Options::ALL.reject { |option| option.name == :config }.map { |option| directive(option) }.join}  end
          end
        RBS
      end

      def reader(option) = "(#{option.kind.rbs})#{"?" if option.default.nil?}"

      def directive(option)
        argument = option.kind.switch? ? "?untyped value" : "untyped value"
        option.names.map { |name| "    def #{name}: (#{argument}) -> nil\n" }.join
      end
    end
  end
end
