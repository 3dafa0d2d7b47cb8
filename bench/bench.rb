# frozen_string_literal: true

# What script/bench runs: the harness and its plots, then every row and every server, one file each.

module Bench
  ROOT = File.expand_path("..", __dir__)

  # Why a server cannot be measured, or a measurement does not count.
  class Failure < StandardError; end
end

Dir["#{__dir__}/{harness,plots,rows,servers}/*.rb"].sort.each { |file| require file }

exit Bench::Command.run(ARGV) if $PROGRAM_NAME == __FILE__
