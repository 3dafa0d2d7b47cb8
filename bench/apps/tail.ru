# frozen_string_literal: true

# Greets at once; at /sleep behind 50 ms, at /burn behind 20 ms of CPU.
GREETING = [200, { "content-type" => "text/plain", "content-length" => "13" }.freeze, ["Hello, World!"].freeze].freeze

def burn
  enough = Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID) + 0.02
  nil while Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID) < enough
end

run lambda { |env|
  case env["PATH_INFO"]
  when "/sleep" then sleep(0.05)
  when "/burn" then burn
  end
  GREETING.map(&:dup)
}
