# frozen_string_literal: true

require_relative "lib/hyperion/version"

Gem::Specification.new do |spec|
  spec.name = "hyperion-rb"
  spec.version = Hyperion::VERSION
  spec.authors = ["The Hyperion authors"]
  spec.summary = "A Rack web server with its engine in Rust"
  spec.description = "Runs Rack 2.2 and 3.x apps over HTTP/1.1, in one process or a cluster of workers. " \
                     "The engine owns every socket; Ruby threads see only complete requests."
  spec.homepage = "https://github.com/hyperion-rb/hyperion"
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.1"
  spec.metadata = {
    "source_code_uri" => spec.homepage,
    "changelog_uri" => "#{spec.homepage}/blob/main/CHANGELOG.md",
    "documentation_uri" => "#{spec.homepage}/tree/main/docs",
    "bug_tracker_uri" => "#{spec.homepage}/issues",
    "rubygems_mfa_required" => "true"
  }

  # Cargo builds no workspace that lacks one of its members.
  patterns = %w[*.md LICENSE Cargo.toml Cargo.lock .yardopts bench/load/**/*.{rs,toml} crates/**/* ext/**/*.{rb,rs,toml} lib/**/*.rb exe/* sig/**/*.rbs docs/**/*.{md,json,yml} examples/**/*]
  spec.files = Dir.chdir(__dir__) { patterns.flat_map { |pattern| Dir[pattern] }.select { |path| File.file?(path) }.uniq.sort }
  spec.bindir = "exe"
  spec.executables = ["hyperion"]
  spec.require_paths = ["lib"]
  spec.extensions = ["ext/hyperion/extconf.rb"]

  spec.add_dependency "rack", ">= 2.2", "< 4"
end
