# frozen_string_literal: true

require_relative "support/unit"
require_relative "../../script/support/option_docs"

class DerivedTest < UnitCase
  Hyperion::Derived::FILES.each_key do |path|
    define_method("test_#{path.tr("/.", "_")}_is_current") do
      assert_equal Hyperion::Derived.text(path), File.read(File.join(Hyperion::Derived::ROOT, path)), "run: rake docs"
    end
  end

  def test_they_are_written
    FileUtils.mkdir_p(["#{dir}/docs", "#{dir}/sig"])
    Hyperion::Derived.write(dir)
    assert_includes File.read("#{dir}/docs/configuration.md"), "`max_body_bytes`"
    assert_includes File.read("#{dir}/sig/configuration.rbs"), "def threads: () -> (Integer)"
  end

  def test_a_table_has_no_cell_too_many
    rows = Hyperion::Derived.text("docs/configuration.md").lines.grep(/\A\|/)
    assert_equal [6], rows.map { |row| row.gsub("\\|", "").count("|") }.uniq
  end
end
