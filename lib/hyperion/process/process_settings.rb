# frozen_string_literal: true

module Hyperion
  # What a server changes about its process before it loads the app.
  module ProcessSettings
    # Some programs look at every descriptor up to the limit.
    MAX_DESCRIPTORS = 1_048_576

    class << self
      # @param configuration [Configuration]
      # @param log [Log]
      def apply(configuration, log)
        raise_descriptor_limit(log)
        enable_yjit(configuration, log)
        check_temporary_files(log)
      end

      private

      def raise_descriptor_limit(log)
        soft, hard = Process.getrlimit(:NOFILE)
        wanted = [hard, MAX_DESCRIPTORS].min
        Process.setrlimit(:NOFILE, wanted, hard) if soft < wanted
      rescue SystemCallError => e
        log.warn("the limit of open files stays as it is: #{e.message}")
      end

      def check_temporary_files(log)
        folder = ENV.fetch("TMPDIR", "/tmp")
        return if File.directory?(folder) && File.writable?(folder)

        log.warn("large bodies cannot wait in temporary files: #{folder} is no directory that can be written to; set TMPDIR")
      end

      def enable_yjit(configuration, log)
        return unless configuration.yjit

        able = defined?(RubyVM::YJIT) && RubyVM::YJIT.respond_to?(:enable)
        RubyVM::YJIT.enable if able && !RubyVM::YJIT.enabled?
        log.warn("yjit: this Ruby cannot turn it on at run time; start it with --yjit") if !able && configuration.yjit == true
      end
    end
  end
end
