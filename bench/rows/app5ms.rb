# frozen_string_literal: true

module Bench
  # An app that waits 5 ms: how well the server keeps its threads busy.
  class App5ms < Row
    label "app5ms"
    about "Are the threads kept busy by an app that waits 5 ms?"

    SLEEPING = App.new(path: "#{ROOT}/bench/apps/sleep_5ms.ru", **GREETING).freeze

    def app = SLEEPING
  end
end
