# frozen_string_literal: true

require "cgi"

module Bench
  # HTML and SVG that an XML parser can read too.
  module Markup
    # What no XML may hold, even escaped; a server's last words may.
    FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/

    module_function

    # @param words [Object] anything with a text
    # @return [String] it as the text of an element or attribute
    def text(words)
      clean = words.to_s.dup.force_encoding(Encoding::UTF_8).scrub("\u{fffd}")
      CGI.escapeHTML(clean.gsub(FORBIDDEN, "\u{fffd}"))
    end

    # @param content [String, Array<String>, nil] markup; nil makes an empty element
    # @param attributes [Hash{Symbol=>Object}] those that are nil are left out
    def tag(name, content = nil, **attributes)
      pairs = attributes.compact.map { |key, value| %( #{key.to_s.tr("_", "-")}="#{text(value)}") }.join
      content ? "<#{name}#{pairs}>#{Array(content).join}</#{name}>" : "<#{name}#{pairs}/>"
    end
  end
end
