# frozen_string_literal: true

# Answers with the headers chosen by the path: everything that Rack allows, and much that it does not.
class Text
  def initialize(text) = @text = text
  def to_s = @text
end

HEADERS = {
  "array" => { "set-cookie" => ["a=1; path=/", "b=2", "c=3"] },
  "lines" => { "set-cookie" => "a=1; path=/\nb=2\nc=3" },
  "array-one" => { "x-one" => ["alone"] },
  "array-none" => { "x-none" => [] },
  "case" => { "Content-Type" => "text/plain", "X-Mixed-Case" => "Yes" },
  "symbols" => { "x-number": 5 },
  "object" => { "x-object" => Text.new("as text") },
  "empty" => { "x-empty" => "" },
  "nil" => { "x-nil" => nil },
  "long" => { "x-long" => "v" * 30_000 },
  "many" => (1..200).to_h { |i| ["x-n#{i}", "value #{i}"] },
  "latin" => { "x-latin" => "caf\xe9".b },
  "utf8" => { "x-utf8" => "café" },
  "rack" => { "rack.private" => "not on the wire", "x-public" => "yes" },
  "date" => { "date" => "Mon, 01 Jan 2001 00:00:00 GMT" },
  "server" => { "server" => "mine" },
  "tab" => { "x-tab" => "a\tb" },
  "frozen" => { "x-frozen".freeze => "fine".freeze }.freeze,
  "crlf" => { "x-bad" => "a\r\nevil: yes" },
  "cr" => { "x-bad" => "a\revil: yes" },
  "lf-only-name" => { "x-bad\nevil" => "yes" },
  "crlf-name" => { "x-bad: a\r\nevil" => "yes" },
  "nul" => { "x-bad" => "a\0b" },
  "space-name" => { "x bad" => "yes" },
  "colon-name" => { "x:bad" => "yes" },
  "empty-name" => { "" => "yes" },
  "array-crlf" => { "x-bad" => ["fine", "a\r\nevil: yes"] },
  "utf16" => { "x-bad" => "a\r\nevil: yes".encode("UTF-16LE") },
  "binary-crlf" => { "x-bad" => "a\r\nevil: yes".b.freeze },
  "control" => { "x-bad" => "a\x01b" },
  "delete" => { "x-bad" => "a\x7fb" },
  "connection-close" => { "connection" => "close" }
}.freeze

HINTS = {
  "one" => { "link" => "</a.css>; rel=preload" },
  "lines" => { "link" => "</a.css>; rel=preload\n</b.js>; rel=preload" },
  "array" => { "link" => ["</a.css>; rel=preload", "</b.js>; rel=preload"] },
  "crlf" => { "link" => "</a.css>\r\nevil: yes" }
}.freeze

run(lambda do |env|
  area, name = env["PATH_INFO"].delete_prefix("/").split("/")
  case area
  when "hints"
    env["rack.early_hints"].call(HINTS.fetch(name))
    env["rack.early_hints"].call("link" => "</second>; rel=preload") if env["QUERY_STRING"] == "twice"
    [200, { "content-type" => "text/plain" }, ["hinted"]]
  when "late"
    body = Enumerator.new { |out| out << "a" and env["rack.early_hints"].call(HINTS["one"]) and out << "b" }
    [200, { "content-type" => "text/plain" }, body]
  else [200, HEADERS.fetch(name), ["body"]]
  end
end)
