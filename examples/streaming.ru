# frozen_string_literal: true

# Each piece leaves as soon as `each` yields it: curl -N http://127.0.0.1:9292/
class Ticks
  COUNT = 5

  def each
    COUNT.times do |i|
      yield "tick #{i}\n"
      sleep 0.2
    end
  end
end

run ->(_env) { [200, { "content-type" => "text/plain" }, Ticks.new] }
