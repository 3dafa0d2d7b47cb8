# frozen_string_literal: true

module Hyperion
  # What Puma's names of settings are called here, for those who bring their configuration file along.
  module PumaNames
    NAMES = {
      preload_app!: "preload", before_worker_boot: "on_worker_boot", before_worker_shutdown: "on_worker_shutdown",
      on_worker_fork: "before_fork", before_worker_fork: "before_fork", worker_shutdown_timeout: "graceful_timeout",
      force_shutdown_after: "graceful_timeout", persistent_timeout: "idle_keepalive", first_data_timeout: "read_timeout",
      stdout_redirect: "log_file", activate_control_app: "admin_bind", ssl_bind: "bind \"ssl://HOST:PORT?cert=PATH&key=PATH\"",
      log_formatter: "log_format", enable_keep_alives: "idle_keepalive", http_content_length_limit: "max_body_bytes",
      max_keep_alive: "idle_keepalive", rackup: "hyperion FILE on the command line", directory: "cd, or WorkingDirectory of the service"
    }.freeze
    # They have no meaning here: what they do is done always, or never needed.
    NEEDLESS = %i[state_path state_permission plugin tag queue_requests wait_for_less_busy_worker nakayoshi_fork fork_worker prune_bundler
                  quiet debug worker_check_interval worker_culling_strategy drain_on_shutdown tcp_mode daemonize].freeze

    # @param name [Symbol]
    # @return [String] "; …", empty where nothing is known of it
    def self.hint(name)
      return "; it is called #{NAMES[name]} here" if NAMES.key?(name)

      NEEDLESS.include?(name) ? "; nothing of that kind is needed, so leave it out" : ""
    end
  end
end
