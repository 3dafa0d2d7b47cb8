# frozen_string_literal: true

require "tempfile"

module Bench
  # nginx with one worker: a fixed response at /, and the files of the bench.
  class Nginx < Server
    label "nginx"

    PROGRAM = "/usr/sbin/nginx"

    CONFIGURATION = <<~TEXT
      daemon off;
      worker_processes 1;
      error_log stderr crit;
      pid PIDFILE;
      events { worker_connections 20000; }
      http {
        access_log off;
        sendfile on;
        tcp_nopush on;
        keepalive_requests 1000000000;
        types { text/plain txt; }
        server {
          listen HOST:PORT backlog=4096 PROTOCOLS;
          CERTIFICATE
          location = / { default_type text/plain; return 200 "Hello, World!"; }
          location / { root ASSETS; }
        }
      }
    TEXT

    PLAIN = { "PROTOCOLS" => "", "CERTIFICATE" => "" }.freeze
    SECURE = {
      "PROTOCOLS" => "ssl http2",
      "CERTIFICATE" => "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate #{TlsCertificate::CERTIFICATE}; ssl_certificate_key #{TlsCertificate::KEY};"
    }.freeze

    def excluded(kase)
      "gives fixed responses and files only" unless kase.app.fixed || kase.app.target.match?(/\.txt\z/)
    end

    def missing = File.executable?(PROGRAM) ? nil : "not installed: no #{PROGRAM}"

    def version = Machine.version(PROGRAM, "-v")

    def command(kase, port)
      @file = Tempfile.new("bench-nginx")
      # nginx deletes this file when it ends.
      values = { "HOST" => HOST, "PORT" => port.to_s, "ASSETS" => Assets::FOLDER, "PIDFILE" => "#{@file.path}.pid",
                 **(kase.tls ? SECURE : PLAIN) }
      @file.write(CONFIGURATION.gsub(Regexp.union(values.keys), values))
      @file.close
      [PROGRAM, "-c", @file.path]
    end
  end
end
