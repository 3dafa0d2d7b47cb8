# frozen_string_literal: true

require "json"
require "open3"

module Tidy
  # Which crate may name which, and that every Rust file is compiled.
  module Crates
    # Development dependencies count too, but anyone may test with the simulator.
    MAY_NAME = {
      "hyperion-buf" => [],
      "hyperion-proto" => %w[hyperion-buf],
      "hyperion-io" => %w[hyperion-buf],
      "hyperion-engine" => %w[hyperion-proto hyperion-io hyperion-buf],
      "hyperion-sim" => %w[hyperion-engine hyperion-proto hyperion-io hyperion-buf],
      "hyperion-ext" => %w[hyperion-engine hyperion-proto hyperion-buf],
      "hyperion-load" => []
    }.freeze
    SIMULATOR = "hyperion-sim"

    CRATE_ROOT = %r{(/src/(lib|main)|/src/bin/[^/]+|/(tests|benches|examples)/[^/]+|/(tests|benches|examples)/[^/]+/main|/fuzz_targets/[^/]+|/build)\.rs\z}
    MOD = /^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;/
    PATH_ATTRIBUTE = /#\[path\s*=\s*"([^"]+)"\]/

    class << self
      def check(tree) = directions(tree) + orphans(tree)

      private

      def directions(tree)
        return [] unless tree.file?("Cargo.toml")

        packages(tree).flat_map do |package|
          path = package["manifest_path"].delete_prefix("#{tree.root}/")
          ours(package).reject { |dependency| allowed?(package["name"], dependency) }.map do |dependency|
            Offence.new(path, 1, "#{package["name"]} may not name #{dependency["name"]}")
          end
        end
      end

      def packages(tree)
        out, err, status = Open3.capture3("cargo", "metadata", "--no-deps", "--offline", "--format-version", "1", chdir: tree.root)
        raise "cargo metadata: #{err}" unless status.success?

        JSON.parse(out)["packages"].select { |package| MAY_NAME.key?(package["name"]) }
      end

      def ours(package) = package["dependencies"].select { |dependency| dependency["name"].start_with?("hyperion-") }

      def allowed?(name, dependency)
        MAY_NAME[name].include?(dependency["name"]) || (dependency["kind"] == "dev" && dependency["name"] == SIMULATOR)
      end

      def orphans(tree)
        files = tree.rust.to_h { |source| [source.path, source] }
        reached = files.keys.grep(CRATE_ROOT).to_h { |path| [path, true] }
        queue = reached.keys
        while (path = queue.shift)
          modules(files[path], root: path.match?(CRATE_ROOT)).each do |found|
            queue << found if files.key?(found) && !reached.key?(found)
            reached[found] = true
          end
        end
        (files.keys - reached.keys).map { |orphan| Offence.new(orphan, 1, "no mod leads to this file") }
      end

      # Where the modules that this file declares may be.
      def modules(source, root:)
        folder = File.dirname(source.path)
        below = root || File.basename(source.path) == "mod.rs" ? folder : source.path.delete_suffix(".rs")
        named = source.rust.code.scan(MOD).flatten.flat_map { |name| ["#{below}/#{name}.rs", "#{below}/#{name}/mod.rs"] }
        named + source.text.scan(PATH_ATTRIBUTE).flatten.map { |path| File.expand_path("/#{folder}/#{path}").delete_prefix("/") }
      end
    end
  end
end
