# frozen_string_literal: true

require_relative "admin_case"
require "yaml"

# What dashboard and alerts ask for is there, by name and label.
class DashboardTest < HyperionTest::AdminCase
  DASHBOARD = JSON.parse(File.read("#{ROOT}/docs/grafana/hyperion.json"))
  ALERTS = YAML.safe_load(File.read("#{ROOT}/docs/prometheus/alerts.yml"))
  # Labels that the scraper adds, and functions of the query language.
  FOREIGN = %w[instance job].freeze

  def test_each_name_and_label_is_exported
    get("/")
    exported = exported_labels
    queries.each do |query|
      names = query.scan(/\bhyperion_\w+/).uniq
      refute_empty names + query.scan(/\bup\b/), query
      assert_empty names - exported.keys, query
      labels = query.scan(/(?:by|without) \(([^)]*)\)/).flat_map { |list,| list.split(/, */) } + query.scan(/(\w+)\s*(?:=~|!~|!=|=)\s*"/).flatten
      assert_empty labels.uniq - FOREIGN - names.flat_map { |name| exported[name] }, query
    end
  end

  def test_each_reason_and_status_that_is_named_exists
    reasons = families["hyperion_rejections"].samples.map { |_, labels, _| labels["reason"] } + families["hyperion_worker_restarts"].samples.map { |_, labels, _| labels["reason"] }
    named = queries.flat_map { |query| query.scan(/reason=~"([^"]+)"/).flat_map { |list,| list.split("|") } }
    refute_empty named
    assert_empty named - reasons
  end

  def test_the_documentation_has_every_family_with_its_type_and_labels
    documented = File.readlines("#{ROOT}/docs/metrics.md").grep(/^\| `hyperion_/).flat_map do |line|
      names, type, labels = line.split("|").drop(1).map(&:strip)
      names.scan(/hyperion_\w+/).map { |name| [name, [type, labels.scan(/\w+/).sort]] }
    end
    get("/")
    exported = families.values.map do |family|
      [family.type == "counter" ? "#{family.name}_total" : family.name, [family.type, family.samples.flat_map { |_, labels, _| labels.keys }.uniq.sort - ["le"]]]
    end
    assert_equal exported.to_h.sort.to_h, documented.to_h.sort.to_h
  end

  def test_panels_and_alerts_have_titles_of_their_own
    titles = DASHBOARD["panels"].map { |panel| panel["title"] }
    assert_equal titles.uniq, titles
    alerts = rules.map { |rule| rule.fetch("alert") }
    assert_equal alerts.uniq, alerts
    rules.each { |rule| assert_match(/\A.{10,}\z/, rule["annotations"]["summary"]) }
  end

  private

  def rules = ALERTS["groups"].flat_map { |group| group["rules"] }

  def queries
    panels = DASHBOARD["panels"].flat_map { |panel| panel["targets"].map { |target| target["expr"] } }
    panels + rules.map { |rule| rule["expr"] } + DASHBOARD["templating"]["list"].map { |one| one["query"] }.grep(/hyperion_/).map { |query| query[/hyperion_\w+/] }
  end

  # @return [Hash{String=>Array<String>}] by the name of the samples
  def exported_labels
    families.values.flat_map(&:samples).group_by(&:first).transform_values { |samples| samples.flat_map { |_, labels, _| labels.keys }.uniq }
  end
end
