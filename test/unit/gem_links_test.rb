# frozen_string_literal: true

require_relative "support/unit"

# Whoever reads the gem's pages where it is installed finds what they point to.
class GemLinksTest < UnitCase
  ROOT = File.expand_path("../..", __dir__)
  FILES = Gem::Specification.load(Dir["#{ROOT}/*.gemspec"].first).files
  PAGES = FILES.grep(/\.md\z/)
  FENCED = /^```.*?^```/m
  LINK = /\]\(([^)\s]+)\)/

  PAGES.each do |page|
    define_method("test_the_gem_has_what_#{page}_links_to") do
      links_of(page).each { |path| assert there?(path), "#{page} links to #{path}, which is not in the gem" }
    end
  end

  def test_links_are_found
    linked = PAGES.flat_map { |page| links_of(page) }
    %w[docs/configuration.md docs/grafana/hyperion.json docs/prometheus/alerts.yml].each { |path| assert_includes linked, path }
  end

  private

  # @return [Array<String>] paths from the root of the gem
  def links_of(page)
    targets = File.read("#{ROOT}/#{page}").gsub(FENCED, "").scan(LINK).flatten.grep_v(/\A(?:[a-z]+:|#)/)
    targets.map { |target| File.expand_path(target[/\A[^#]+/], File.dirname("/#{page}")).delete_prefix("/") }
  end

  def there?(path) = FILES.include?(path) || FILES.any? { |file| file.start_with?("#{path}/") }
end
