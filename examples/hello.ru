# frozen_string_literal: true

# hyperion examples/hello.ru
run ->(_env) { [200, { "content-type" => "text/plain" }, ["Hello from Hyperion\n"]] }
