# frozen_string_literal: true

module HyperionTest
  # Kills the process groups that it was told of when this process ends in a way that runs no
  # at_exit, such as a kill by a time limit. It is a shell at the other end of a pipe: only this
  # process holds the writing end, so its end is the end of the pipe, however it comes.
  module Watchdog
    SCRIPT = <<~'SHELL'
      trap '' HUP INT TERM
      groups=' '
      while read -r verb group; do
        case $verb in
          watch) groups="$groups$group " ;;
          forget) groups="${groups%% $group *} ${groups#* $group }" ;;
        esac
      done
      for group in $groups; do kill -s KILL -- "-$group"; done
    SHELL

    class << self
      def watch(group) = tell("watch #{group}")
      def forget(group) = tell("forget #{group}")

      private

      # The pipe is that of the process that asks: a fork of it gets a watchdog of its own.
      def tell(line)
        start unless @owner == Process.pid
        @pipe.puts(line)
        @pipe.flush
      rescue Errno::EPIPE
        nil
      end

      def start
        reader, @pipe = IO.pipe
        @owner = Process.pid
        pid = Process.spawn("sh", "-c", SCRIPT, in: reader, out: File::NULL, err: File::NULL, pgroup: true)
        Process.detach(pid)
        reader.close
      end
    end
  end
end
