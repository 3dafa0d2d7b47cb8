# frozen_string_literal: true

# hyperion -C examples/config/hyperion.rb examples/hello.ru
bind "tcp://127.0.0.1:9292"
workers 2
threads 5
environment "production"

max_body_bytes "32MiB"
idle_keepalive 60
graceful_timeout 20

logging do
  level :info
  format :json
end

before_fork { Hyperion.logger.info("about to fork") }
on_worker_boot { |slot| Hyperion.logger.info("worker boots", slot: slot) }
on_worker_shutdown { |slot| Hyperion.logger.info("worker ends", slot: slot) }
