# frozen_string_literal: true

module Soak
  # The bytes that belong to a request: its id again and again, so that a wrong answer tells whose it is.
  module Content
    def self.of(id, size)
      word = "#{id}."
      (word * (size / word.bytesize + 1)).byteslice(0, size)
    end
  end
end
