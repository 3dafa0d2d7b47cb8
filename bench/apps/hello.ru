# frozen_string_literal: true

# Its length is said, since some servers would else end the connection with the body.
run ->(_env) { [200, { "content-type" => "text/plain", "content-length" => "13" }, ["Hello, World!"]] }
