# frozen_string_literal: true

# Answers with as many header lines, or as many bytes of them, as the query says.
TrailingBody = Struct.new(:count) do
  def each = yield("fine")
  def trailers = { "x-line" => Array.new(count, "a") }
end

run(lambda do |env|
  count = env["QUERY_STRING"].to_i
  plain = { "content-type" => "text/plain" }
  case env["PATH_INFO"]
  when "/lines" then [200, plain.merge("set-cookie" => Array.new(count, "a=b")), ["fine"]]
  when "/bytes" then [200, plain.merge("x-long" => "a" * count), ["fine"]]
  when "/body" then [200, plain, ["b" * count]]
  when "/stream" then [200, plain, Enumerator.new { |out| (count / 1000).times { out << ("s" * 1000) } }]
  when "/trailers" then [200, plain, TrailingBody.new(count)]
  when "/hints"
    env["rack.early_hints"].call("link" => Array.new(count, "</a.css>; rel=preload"))
    [200, plain, ["fine"]]
  else [200, plain, ["fine"]]
  end
end)
