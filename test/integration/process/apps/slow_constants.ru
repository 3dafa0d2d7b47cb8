# frozen_string_literal: true

# Whoever looks up one of the server's constants while it serves may be interrupted; here he always is.
class << Object
  def const_get(name, *rest)
    sleep(0.02) if name.to_s.start_with?("Hyperion")
    super
  end
end

run ->(_env) { [200, { "content-type" => "text/plain" }, ["fine"]] }
