# frozen_string_literal: true

# Ends the thread for which a fault of the server is made into an exception, as Thread#kill may.
class Hyperion::Error
  def initialize(*) = Thread.exit
end

run(lambda do |env|
  input = env["rack.input"]
  if input.read(1) == "x"
    input.rewind
    input.read(1) # There is no second time.
  end
  [200, {}, ["served"]]
end)
