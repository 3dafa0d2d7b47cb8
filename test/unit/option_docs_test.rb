# frozen_string_literal: true

require_relative "support/unit"
require_relative "../../script/support/option_docs"

class OptionDocsTest < UnitCase
  Hyperion::OptionDocs::FILES.each_key do |path|
    define_method("test_#{path.tr("/.", "_")}_is_current") do
      assert_equal Hyperion::OptionDocs.text(path), File.read(File.join(Hyperion::OptionDocs::ROOT, path)), "run: rake docs"
    end
  end

  def test_they_are_written
    FileUtils.mkdir_p(["#{dir}/docs", "#{dir}/sig"])
    Hyperion::OptionDocs.write(dir)
    assert_includes File.read("#{dir}/docs/configuration.md"), "`max_body_bytes`"
    assert_includes File.read("#{dir}/sig/configuration.rbs"), "def threads: () -> (Integer)"
  end

  def test_a_table_has_no_cell_too_many
    rows = Hyperion::OptionDocs.text("docs/configuration.md").lines.grep(/\A\|/)
    assert_equal [6], rows.map { |row| row.gsub("\\|", "").count("|") }.uniq
  end
end
