# frozen_string_literal: true

module Bench
  # The colour of each server, the same in every plot: warm ones for Hyperion in all its forms, grey ones
  # for the floors, and cool ones for everybody else. All are legible on white and on black.
  module Palette
    # Hue, saturation and lightness in the order of the servers' files.
    WARM = [[12, 85, 52], [38, 95, 46], [340, 75, 56], [0, 60, 42], [26, 60, 38], [48, 80, 40], [325, 60, 46], [355, 75, 66],
            [20, 35, 60], [60, 55, 36], [312, 40, 62], [8, 90, 67]].freeze
    GREY = [[220, 6, 46], [220, 6, 58], [220, 6, 68]].freeze
    COOL = [[190, 75, 42], [135, 50, 42], [268, 50, 62], [166, 60, 42], [90, 45, 42], [238, 60, 66], [292, 50, 52], [216, 75, 52],
            [204, 75, 66], [178, 35, 52], [256, 45, 46], [150, 25, 50], [228, 35, 56], [280, 30, 64], [110, 55, 34]].freeze

    module_function

    # @param label [String] of a server
    # @return [String] as CSS has it
    def colour(label) = colours.fetch(label) { css(GREY.first) }

    def colours
      family = Server.labelled.map(&:label).group_by { |label| shades(label) }
      family.flat_map { |shades, labels| labels.zip(shades.cycle).map { |label, shade| [label, css(shade)] } }.to_h
    end

    def shades(label)
      case label
      when /\Ahyperion/ then WARM
      when /\Afloor/ then GREY
      else COOL
      end
    end

    def css((hue, saturation, lightness)) = "hsl(#{hue},#{saturation}%,#{lightness}%)"
  end
end
