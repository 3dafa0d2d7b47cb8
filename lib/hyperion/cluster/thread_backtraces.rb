# frozen_string_literal: true

module Hyperion
  # What the threads of this process are doing.
  module ThreadBacktraces
    FRAMES_MAX = 200

    # @return [Array<Array<String>>] for each thread but the calling one a title and the frames, the innermost first
    def self.all
      (Thread.list - [Thread.current]).map do |thread|
        ["#{name(thread)} #{state(thread)}", *thread.backtrace&.first(FRAMES_MAX)].map { |text| text.tr("\n\v", "  ") }
      end
    end

    def self.name(thread) = thread.name || (thread == Thread.main ? "main" : thread.inspect[/\A#<[^ >]*(?: [^>]*?:\d+)?/])

    def self.state(thread) = { "run" => "runs", "sleep" => "sleeps", "aborting" => "is aborting" }.fetch(thread.status, "has ended")

    private_class_method :name, :state
  end
end
