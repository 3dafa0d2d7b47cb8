# frozen_string_literal: true

require "strscan"

module Tidy
  # Rust text taken apart into layers of the same shape: `code` without comments and the insides of
  # literals, `comments` without the rest, `product` without what only tests compile. What a layer
  # lacks is blank there, so that every line and column stays where it was.
  class RustCode
    COMMENT = %r{//[^\n]*}
    RAW_STRING = /(?:b|c)?r(#*)"/
    STRING = /[bc]?"(?:\\.|[^"\\])*"/m
    CHARACTER = /b?'(?:\\(?:x\h\h|u\{\h+\}|.)|[^'\\\n])'/
    WORD = /\w+/
    TEST_ONLY = /#\[cfg\((?:test|all\(test\b[^\]]*)\)\]/

    Function = Struct.new(:name, :line, :length)

    attr_reader :code, :comments

    def initialize(text)
      @code = +""
      @comments = +""
      @scanner = StringScanner.new(text)
      take until @scanner.eos?
    end

    def product
      @product ||= spans(TEST_ONLY).reduce(code.dup) do |rest, span|
        rest[span] = blank(rest[span])
        rest
      end
    end

    # Lines that are not part of an item that only tests compile.
    def product_line_count
      code.count("\n") - spans(TEST_ONLY).sum { |span| code[span].count("\n") + 1 }
    end

    # @return [Array<Function>] those with a body
    def functions
      spans(/\bfn\s+(\w+)/).filter_map do |span|
        text = code[span]
        Function.new(text[/\Afn\s+(\w+)/, 1], line_of(span.begin), text.count("\n") + 1) if text.end_with?("}")
      end
    end

    def line_of(offset) = code[0...offset].count("\n") + 1

    # @return [Array(Array(Integer, String))] line and text of each match in a layer
    def lines_with(pattern, layer = code)
      layer.each_line.with_index(1).filter_map { |text, line| [line, text] if text.match?(pattern) }
    end

    private

    def take
      if (found = @scanner.scan(COMMENT) || block_comment) then add(found, comments)
      elsif (found = literal) then add(found, nil)
      else add(@scanner.scan(WORD) || @scanner.getch, code)
      end
    end

    def add(found, layer)
      [code, comments].each { |each| each << (each.equal?(layer) ? found : blank(found)) }
    end

    def blank(text) = text.gsub(/[^\n]/, " ")

    def literal
      return @scanner.scan(STRING) || @scanner.scan(CHARACTER) unless (start = @scanner.scan(RAW_STRING))

      start + (@scanner.scan_until(/"#{@scanner[1]}/) || @scanner.scan(/.*/m))
    end

    def block_comment
      return unless (found = @scanner.scan(%r{/\*}))

      depth = 1
      while depth.positive? && (part = @scanner.scan_until(%r{/\*|\*/}))
        depth += part.end_with?("/*") ? 1 : -1
        found << part
      end
      found
    end

    # The items that begin with a match of `pattern`, each up to its closing brace or semicolon.
    def spans(pattern)
      found = []
      offset = 0
      while (start = code.index(pattern, offset))
        offset = Regexp.last_match.end(0)
        found << (start..item_end(offset)) if found.empty? || start > found.last.end || pattern != TEST_ONLY
      end
      found
    end

    def item_end(offset)
      depth = 0
      while (offset = code.index(/[()\[\]{};]/, offset))
        mark = code[offset]
        depth += 1 if "([{".include?(mark)
        depth -= 1 if ")]}".include?(mark)
        return offset if depth <= 0 && (mark == ";" || mark == "}")

        offset += 1
      end
      code.length - 1
    end
  end
end
