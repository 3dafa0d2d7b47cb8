# frozen_string_literal: true

require_relative "../process/process_case"
require "json"

module HyperionTest
  # A test case about what is in the log.
  class LinesCase < ProcessCase
    APP = "test/integration/logs/apps/lines.ru"
    TOKEN = "open-sesame"

    # The one access line whose text has this mark.
    # @return [String]
    def line(mark, to: server)
      found = eventually("no line with #{mark}") { to.stdout.lines.grep(/#{Regexp.escape(mark)}.*\n\z/).first(2).then { |lines| lines unless lines.empty? } }
      assert_equal 1, found.size, found.join
      found.first
    end

    def entry(mark, to: server) = JSON.parse(line(mark, to: to))
  end
end
