# frozen_string_literal: true

require_relative "tree"
require_relative "sizes"
require_relative "wording"
require_relative "safety"
require_relative "cells"
require_relative "circles"
require_relative "crates"
require_relative "modules"
require_relative "reach"

# The rules of style that a machine can count. Each rule is a module with `check(tree)`, which
# returns its offences.
module Tidy
  RULES = [Sizes, Wording, Safety, Cells, Crates, Reach, Circles, Modules].freeze

  # @param root [String] the folder of a checkout
  # @return [Array<Offence>] in the order of files and lines
  def self.check(root)
    tree = Tree.new(root)
    RULES.flat_map { |rule| rule.check(tree) }.sort_by { |offence| [offence.path, offence.line] }
  end
end
